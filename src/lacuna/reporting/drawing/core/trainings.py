"""Points of each training, beside the mean of several."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from lacuna.numbers.spread import SEED_VALUES

POINTS = "Small points: single trainings."
SMALL: dict[str, Any] = {"s": 7, "linewidths": 0, "alpha": 0.55, "zorder": 3}


def rule_of_points(cells: pd.DataFrame, rule: str) -> str:
    """A figure's rule, which also says what the small points are where there are any."""
    return f"{rule} {POINTS}" if SEED_VALUES in cells else rule


def points_of_trainings(axis: Axes, x: pd.Series, y: pd.Series, colours: Sequence[Any]) -> None:
    """A small point for each number of a training, in its colour; nothing where there is none."""
    if len(x):
        axis.scatter(x, y, c=[*colours], **SMALL)
