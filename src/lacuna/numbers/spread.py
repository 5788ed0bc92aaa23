"""What several trainings of a cell say besides their mean: each one's value, and where a further one would fall."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import t

from lacuna.numbers.statistics import LEVEL, Array

SEED_VALUES = "seed_values"
PRINT_COLUMNS = ["print_low", "print_high"]  # where a printed number would fall that is one more training


def prediction_interval(values: Array, shares: Array) -> tuple[Array, Array]:
    """95 % intervals (m,) of one further training, from the values (k, m) of k; ``shares`` bool (m,) are in percent.

    Between the mean of n trainings and that of m further ones lie t s sqrt(1/n + 1/m) with 95 %, where trainings are
    normal, s is their standard deviation and t has n - 1 degrees of freedom. A printed number is one training, m = 1.
    Percentages end at 0 and 100. NaN where a training has no value.
    """
    k = len(values)
    half = t.isf(LEVEL / 2, k - 1) * values.std(axis=0, ddof=1) * np.sqrt(1 / k + 1)
    low, high = values.mean(axis=0) - half, values.mean(axis=0) + half
    return np.where(shares, np.maximum(low, 0), low), np.where(shares, np.minimum(high, 100), high)


def joined(values: Iterable[object]) -> str:
    """One text of the values of all trainings, in the order of their seeds; a training without a value has a dash."""
    return " ".join("-" if pd.isna(value) else f"{value:g}" for value in np.asarray([*values], dtype=float))


def by_training(cells: pd.DataFrame) -> list[pd.DataFrame]:
    """The cells of each training, with its values, in the order of seeds; none where there is one training."""
    if SEED_VALUES not in cells:
        return []
    values = cells[SEED_VALUES].str.split(" ", expand=True).replace("-", "nan").astype(float)
    return [cells.assign(value=values[k]) for k in values]


def unlike_print(cells: pd.DataFrame) -> pd.Series:
    """Which cells (bool) have a printed number outside the interval of one further training."""
    if PRINT_COLUMNS[0] not in cells:
        return pd.Series(False, index=cells.index)
    return (cells["printed"] < cells["print_low"]) | (cells["printed"] > cells["print_high"])
