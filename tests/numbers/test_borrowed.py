"""What a cell of one training borrows: how far another training would move it, by cells of like rate."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from lacuna.numbers.borrowed import FEWEST_FREEDOM, LIKE, Borrowed, borrow, lenders
from lacuna.numbers.spread import joined

ALIKE = ("defense_rate", "d", "demo")


def cells(values: Any, networks: list[str] | None = None, **changes: object) -> pd.DataFrame:
    """Cells with the ``values`` (cells, trainings) in percent, each of a network of its own unless these are named."""
    rows = np.atleast_2d(values)
    shared = {"metric": "defense_rate", "dataset": "d", "scale": "demo", "unit": "percent", "variant": "bottom"}
    lines = pd.DataFrame({"target": networks or [f"net{i}" for i in range(len(rows))], "keep_prob": 0.5})
    return lines.assign(**{**shared, "seed_values": [joined(row) for row in rows], **changes})


def lent(value: float, known: pd.DataFrame, alike: tuple[str, ...] = ALIKE) -> Borrowed | None:
    [one] = borrow([value], [alike], known)
    return one


def trainings(draw: np.random.Generator, rate: float, spread: float, networks: int, k: int = 3) -> Any:
    """Rates of k trainings, normal on the arcsine scale around a rate; ``spread`` is in points at this rate."""
    place = np.arcsin(np.sqrt(rate / 100))
    moved = draw.normal(place, spread / 100 / np.sin(2 * place), (networks, k))
    return 100 * np.sin(moved) ** 2


@pytest.mark.parametrize(("rate", "spread"), [(50, 5), (8, 2), (93, 1)])
def test_the_spread_is_that_of_the_lenders_and_its_interval_covers_it_as_often_as_it_says(
    rate: float, spread: float
) -> None:
    trials = 120
    values = np.round(trainings(np.random.default_rng(rate), rate, spread, 8 * trials), 4)
    known = lenders(cells(values, dataset=[f"d{i // 8}" for i in range(8 * trials)]), "t")
    found = borrow([rate] * trials, [("defense_rate", f"d{i}", "demo") for i in range(trials)], known)
    spreads = np.array([(one.spread, one.low, one.high) for one in found if one])
    assert len(spreads) == trials
    assert np.sqrt((spreads[:, 0] ** 2).mean()) == pytest.approx(spread, rel=0.08)
    covered = int(((spreads[:, 1] <= spread) & (spread <= spreads[:, 2])).sum())
    assert binomtest(covered, trials, 0.95).pvalue > 0.001


def test_cells_of_one_network_share_its_trainings_and_count_once() -> None:
    values = trainings(np.random.default_rng(0), 50, 3, 40)
    same = cells(values, ["net"] * 40)
    behind = same.assign(variant=["bottom", "bottom+jpeg75"] * 20)
    for known in (same, behind):
        assert lent(50, lenders(known, "t")) is None, "two degrees of freedom, whatever the number of cells"
    own = lent(50, lenders(cells(values), "t"))
    assert own
    assert (own.networks, own.freedom) == (40, 80)


@pytest.mark.parametrize("networks", [4, 5])
def test_too_few_degrees_of_freedom_lend_nothing(networks: int) -> None:
    found = lent(50, lenders(cells(trainings(np.random.default_rng(1), 50, 2, networks)), "t"))
    assert (found is not None) == (2 * networks >= FEWEST_FREEDOM)


def test_only_cells_of_like_rate_metric_dataset_and_scale_lend() -> None:
    known = lenders(cells(trainings(np.random.default_rng(2), 50, 1, 30)), "t")
    near, far = (100 * np.sin(np.pi / 4 + step) ** 2 for step in (0.5 * LIKE, 1.5 * LIKE))
    assert lent(near, known)
    assert lent(far, known) is None
    for alike in (("test_accuracy", "d", "demo"), ("defense_rate", "e", "demo"), ("defense_rate", "d", "laptop")):
        assert lent(50, known, alike) is None


@pytest.mark.parametrize("value", [0.0, 100.0, np.nan])
def test_a_cell_at_an_end_or_without_a_value_borrows_nothing(value: float) -> None:
    known = lenders(cells(np.clip(trainings(np.random.default_rng(3), 50, 30, 300), 0.1, 99.9)), "t")
    assert lent(50, known)
    assert lent(value, known) is None


def test_cells_that_say_nothing_of_trainings_lend_nothing() -> None:
    values = trainings(np.random.default_rng(4), 1, 0.2, 8)
    for none in (
        cells(values).drop(columns="seed_values"),
        cells(values[:, :1]),
        cells(np.where(np.arange(3) == 1, 0.0, values)),
        cells(np.where(np.arange(3) == 1, np.nan, values)),
        cells(values, unit="score"),
    ):
        assert len(lenders(none, "t")) == 0
    assert lent(50, lenders(cells(np.full((9, 3), 50.0)), "t")) is None, "networks that nobody trained again"


def test_what_is_borrowed_names_where_it_stands() -> None:
    draw = np.random.default_rng(5)
    known = [lenders(cells(trainings(draw, 50, 2, 5), [f"{name}{i}" for i in range(5)]), name) for name in "ab"]
    far = lenders(cells(trainings(draw, 90, 1, 5)), "c")
    found = lent(50, pd.concat([*known, far], ignore_index=True))
    assert found
    assert found.sources == ("a", "b")
    assert found.low < found.spread < found.high
