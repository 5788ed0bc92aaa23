"""Figures of several trainings show each of them as a small point."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from lacuna.reporting.drawing.core.trainings import POINTS
from lacuna.reporting.drawing.noise import noise
from lacuna.reporting.drawing.sweep import sweep
from lacuna.reporting.drawing.tradeoff import tradeoff

TRAININGS = 3
Draw = Callable[[pd.DataFrame], Figure]


def line(row: str, attack: str, value: float, **more: object) -> dict[str, object]:
    said = {"exhibit": "t", "row": row, "column": attack, "attack": attack, "metric": "defense_rate", "unit": "percent"}
    said |= {"value": value, "ci_low": value - 1, "ci_high": value + 1, "printed": value, "variant": "bottom"}
    said |= {"seed_values": " ".join(f"{value + k:g}" for k in range(TRAININGS))}
    return said | {"dataset": "cifar10", "scale": "demo", "keep_prob": np.nan, **more}


def noisy() -> pd.DataFrame:
    return pd.DataFrame([line(row, f"gaussian_s{s}", 90 - s) for row in "ab" for s in (8, 16)])


def kept() -> pd.DataFrame:
    rates = [line(f"{p}", "pgd", 100 * (1 - p), keep_prob=p) for p in (0.3, 0.5)]
    clean = [line(f"{p}", "none", 80, keep_prob=p, metric="test_accuracy") for p in (0.3, 0.5)]
    return pd.DataFrame(rates + clean)


PLACES = [{"column": f"gaussian_s{s}", "panel": "p", "x": s} for s in (8, 16)]
DRAWN: dict[str, tuple[Callable[[], pd.DataFrame], Draw, int]] = {
    "sweep": (noisy, lambda cells: sweep(cells, PLACES, [{"panel": "p", "x": "x", "y": "y"}], "t", "n"), 4),
    "noise": (noisy, lambda cells: noise(cells, "t", "n"), 6),  # with the points at 0, which are 100 % by choice
    "tradeoff": (kept, lambda cells: tradeoff(cells, "pgd", "t", "n"), 2),
}


def small_points(figure: Figure) -> int:
    found = [one for axis in figure.get_axes() for one in axis.collections if isinstance(one, PathCollection)]
    return sum(len(one.get_offsets()) for one in found)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", DRAWN)
def test_there_is_a_small_point_for_each_training_and_none_for_a_single_one(kind: str) -> None:
    cells, draw, numbers = DRAWN[kind]
    several, one = draw(cells()), draw(cells().drop(columns="seed_values"))
    assert small_points(several) - small_points(one) == TRAININGS * numbers
    notes = [POINTS in " ".join(figure._supxlabel.get_text().split()) for figure in (several, one)]  # type: ignore[attr-defined]
    assert notes == [True, False]
