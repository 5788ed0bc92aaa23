"""Intervals and rank agreement, from statsmodels and scipy."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import spearmanr
from statsmodels.stats.proportion import proportion_confint


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval of a proportion, in [0, 1]; raises ValueError for n < 1."""
    if n < 1:
        raise ValueError("a proportion needs at least one image")
    low, high = proportion_confint(successes, n, alpha=0.05, method="wilson")
    return float(low), float(high)


def rank_correlation(ours: ArrayLike, printed: ArrayLike) -> float:
    """Spearman's rank correlation; NaN where one side is constant or has fewer than two values."""
    if len(np.asarray(ours)) < 2 or np.ptp(ours) == 0 or np.ptp(printed) == 0:
        return float("nan")
    return float(spearmanr(ours, printed).statistic)
