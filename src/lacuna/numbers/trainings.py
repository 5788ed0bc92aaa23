"""Intervals and p-values of differences between means over several trainings, valid far beyond 95 %.

The error of such a difference has two parts: which images were drawn, nearly normal, and which trainings, Student's t
with few degrees of freedom. The half-width of an interval is the root of the sum of the squares of both parts' own
half-widths (Howe 1974). By simulation this is at most the stated level for 2 to 10 trainings, whichever part is larger;
Welch's degrees of freedom decide equal networks up to 900 times too often at such levels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from lacuna.numbers.statistics import LEVEL, Array

HALVINGS = 60  # of the range of log levels; the level is then exact to a billionth of itself
SMALLEST = 1e-12  # a level below which nothing is told apart


@dataclass(frozen=True)
class Errors:
    """Standard errors (m,) of m differences, by their ``images`` and by their ``k`` ``trainings``; k may be (m,)."""

    images: Array
    trainings: Array
    k: int | Array

    def half_widths(self, levels: Array) -> Array:
        """Half-widths (m,) of intervals that a difference leaves with the probabilities ``levels``, (m,) in (0, 1)."""
        of_images, of_trainings = norm.isf(levels / 2), t.isf(levels / 2, self.k - 1)
        return np.sqrt((of_images * self.images) ** 2 + (of_trainings * self.trainings) ** 2)


def training_errors(by_training: Array, statistic: Callable[[Array], Array]) -> Array:
    """Standard errors (m,) of statistics of means over trainings, from the values (cells, k) of the trainings.

    ``statistic`` gives (m,) for means (cells,). By the jackknife; of a difference this is the standard deviation over
    trainings divided by sqrt(k).
    """
    k = by_training.shape[1]
    without = (by_training.sum(axis=1, keepdims=True) - by_training) / (k - 1)
    found = np.stack([statistic(without[:, j]) for j in range(k)], axis=1)
    return np.asarray(np.sqrt((k - 1) * found.var(axis=1)))


def joint_half_widths(errors: Errors, among: int | None = None) -> Array:
    """Half-widths (m,) of intervals that hold together with 95 %, by Bonferroni; ``among`` so many, where not m.

    The largest deviation of a resample says nothing here: resamples of k trainings lie in k - 1 dimensions, so that m
    differences move together in them more than their errors do.
    """
    return errors.half_widths(np.full(len(errors.images), LEVEL / max(1, among or len(errors.images))))


def joint_levels_of(distances: Array, errors: Errors) -> Array:
    """p-values (m,) that hold together: the joint level at which the half-width is just the distance (m,), at least 0.

    NaN stays NaN.
    """
    low, high = np.full(len(distances), np.log(SMALLEST)), np.zeros(len(distances))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        wider = errors.half_widths(np.exp(middle)) > distances
        low, high = np.where(wider, middle, low), np.where(wider, high, middle)
    levels = np.minimum(1, len(distances) * np.exp(high))
    return np.where(np.isnan(distances), np.nan, np.where(distances > 0, levels, 1.0))
