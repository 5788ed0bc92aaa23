"""What several trainings of a cell say besides their mean: each one's value, and where further ones would fall."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from lacuna.numbers.statistics import LEVEL, Array
from lacuna.numbers.trainings import Errors

SEED_VALUES = "seed_values"
PRINT_COLUMNS = ["print_low", "print_high"]  # where a printed number would fall that is one more training
Pair = tuple[Sequence[float], ...]  # values of each of our trainings, and of each of theirs


def prediction_half_widths(values: Sequence[Pair], images: Array, among: int) -> Array:
    """Half-widths (m,) of joint 95 % prediction intervals of m differences of means, by Bonferroni among so many.

    Of k trainings and l others with one common variance, a difference of means has the standard error
    s sqrt(1/k + 1/l), where s is pooled and has k + l - 2 degrees of freedom. ``images`` (m,) are the standard errors
    over images, which are added as in `lacuna.numbers.trainings`. NaN where both sides have one training.
    """
    freedom = np.array([sum(len(one) - 1 for one in pair) for pair in values], dtype=float)
    squares = np.array([sum(float(np.var(one)) * len(one) for one in pair) for pair in values])
    shares = np.array([sum(1 / len(one) for one in pair) for pair in values])
    known = np.where(freedom > 0, freedom, np.nan)
    errors = Errors(images, np.sqrt(squares / known * shares), known + 1)
    return errors.half_widths(np.full(len(values), LEVEL / max(1, among)))


def prediction_interval(values: Array, shares: Array) -> tuple[Array, Array]:
    """95 % intervals (m,) of one further training, from the values (k, m) of k; ``shares`` bool (m,) are in percent.

    It is that of `prediction_half_widths`, t s sqrt(1/k + 1/l), with one training on the other side, as a printed
    number is one; both are of the same images. Percentages end at 0 and 100. NaN where a training has no value.
    """
    further = [(each, each[:1]) for each in values.T]  # one value has no variance: only that it is one counts
    half = prediction_half_widths(further, np.zeros(len(further)), 1)
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
