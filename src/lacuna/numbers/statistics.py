"""Intervals, rank agreement and the bootstrap, on numpy, scipy and statsmodels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, chi2, norm, spearmanr
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

Array = NDArray[Any]
RESAMPLES, BLOCK = 2000, 1000  # resamples of every bootstrap; images whose weights are drawn together
LEVEL = 0.05  # of every interval, and of wrong verdicts among a paper's claims
FEWEST = 6  # images below which no interval of a mean is given; for a median order statistics say the same


@dataclass(frozen=True)
class Sample:
    """The images that one number counts.

    ``images`` (n,) int64 are their ids, each once; ``values`` (n,) are booleans of a share, or the numbers whose mean
    or, where ``median`` is set, median is taken. So many ids in succession as ``scene_images`` show one scene, and are
    resampled together.
    """

    images: Array
    values: Array
    median: bool = False
    scene_images: int = 1

    @property
    def scenes(self) -> Array:
        """The scene (n,) int64 of each image: what is resampled."""
        return self.images // self.scene_images

    @property
    def share(self) -> bool:
        """Whether it is a share."""
        return self.values.dtype == bool and not self.median

    @property
    def shared_variance(self) -> float:
        """Variance of the number besides that of its images: 0, unless answers are repeated."""
        return 0.0

    def at(self, places: Array) -> "Sample":
        """The same number over some of the images, by their places or by a boolean for each."""
        return replace(self, images=self.images[places], values=self.values[places])

    def estimate(self) -> float:
        """The share in [0, 1], the mean or the median; NaN of nothing."""
        if not len(self.values):
            return float("nan")
        return float(np.median(self.values) if self.median else np.mean(self.values))


NOTHING = np.zeros(0, dtype=int), np.zeros(0)  # images and values of a number whose images nobody knows


@dataclass(frozen=True)
class Stated(Sample):
    """A number that code of the user's own states, with its interval. What it counts nobody knows.

    ``value``, ``low`` and ``high`` are NaN where there is none, and in [0, 1] where it is a ``percent``; ``n`` is how
    many images it counts. ``key`` is a number of its cell: see `_stated`.
    """

    value: float = float("nan")
    n: int = 0
    low: float = float("nan")
    high: float = float("nan")
    percent: bool = False
    key: int = 0

    def estimate(self) -> float:
        """The value as it was stated."""
        return self.value


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval of a proportion, in [0, 1]; raises ValueError for n < 1."""
    if n < 1:
        raise ValueError("a proportion needs at least one image")
    low, high = proportion_confint(successes, n, alpha=0.05, method="wilson")
    return float(low), float(high)


def median_interval(values: ArrayLike) -> tuple[float, float]:
    """Interval of a median between two order statistics, exact for any continuous distribution.

    The k-th smallest and the k-th largest value, with the largest k for which fewer than k of n values lie below
    the median with probability of at most 2.5 % (binomial with 1/2), so that coverage is at least 95 %. Below six
    values no two order statistics reach that: (NaN, NaN).
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    k = int(binom.ppf(0.025, len(ordered), 0.5))
    return (float(ordered[k - 1]), float(ordered[-k])) if k else (float("nan"), float("nan"))


def mean_interval(values: ArrayLike) -> tuple[float, float]:
    """Bootstrap interval of a mean of scores, by the replicates that judge differences; NaN below six values."""
    scores = np.asarray(values, dtype=float)
    if len(scores) < FEWEST:
        return float("nan"), float("nan")
    low, high = np.quantile(replicates([[Sample(np.arange(len(scores)), scores)]])[0], [LEVEL / 2, 1 - LEVEL / 2])
    return float(low), float(high)


def scene_interval(sample: Sample) -> tuple[float, float]:
    """95 % interval of a share, mean or median over scenes, by the replicates that judge differences.

    Of a mean or median NaN below six scenes.
    """
    if not sample.share and len(np.unique(sample.scenes)) < FEWEST:
        return float("nan"), float("nan")
    low, high = np.quantile(replicates([[sample]])[0], [LEVEL / 2, 1 - LEVEL / 2])
    estimate = sample.estimate()
    return min(float(low), estimate), max(float(high), estimate)


def same_images(first: Sample, second: Sample) -> tuple[int, float]:
    """How many images count for both of two shares, and McNemar's exact two-sided p-value on just these.

    It asks less than the bootstrap: images that count for one of them alone, which change a defense rate too, are left
    out. It looks at images whose values differ and nothing else. So where answers are repeated it is the sign test of
    the shares of answers. NaN where no image counts for both.
    """
    _, one, other = np.intersect1d(first.images, second.images, return_indices=True)
    right, also = first.values[one], second.values[other]
    table = [[(right == also).sum(), (right > also).sum()], [(right < also).sum(), 0]]
    return len(one), float(mcnemar(table, exact=True).pvalue) if len(one) else float("nan")


def rank_correlation(ours: ArrayLike, printed: ArrayLike) -> float:
    """Spearman's rank correlation; NaN where one side is constant or has fewer than two values."""
    if len(np.asarray(ours)) < 2 or np.ptp(ours) == 0 or np.ptp(printed) == 0:
        return float("nan")
    return float(spearmanr(ours, printed).statistic)


@dataclass(frozen=True)
class Difference:
    """First minus second metric, with its 95 % bootstrap interval; shares in [0, 1].

    ``levels`` says what was resampled: ``images`` with one training seed, else ``seeds and images``.
    """

    estimate: float
    low: float
    high: float
    levels: str


def bootstrap_difference(first: Sequence[Sample], second: Sequence[Sample], seed: int = 0) -> Difference:
    """Difference of two metrics, each with one sample per training seed, and its percentile interval.

    Outer level: training seeds, the same for both metrics, so that sources and targets go together; absent with
    one seed. Inner level: images, paired by id between the two metrics and between seeds; numerator and
    denominator of a share are resampled together. See `replicates`.
    """
    draws = replicates([first, second], seed)
    low, high = np.quantile(draws[0] - draws[1], [0.025, 0.975])
    means = [float(np.mean([sample.estimate() for sample in samples])) for samples in (first, second)]
    return Difference(means[0] - means[1], float(low), float(high), "images" if len(first) == 1 else "seeds and images")


def replicates(
    cells: Sequence[Sequence[Sample]], seed: int = 0, resamples: int = RESAMPLES, *, trainings: bool = True
) -> Array:
    """Bootstrap replicates (cells, resamples) of the metrics of many cells, each with one sample per training seed.

    Images get exponential weights, one per id for all cells and seeds (the Bayesian bootstrap, Rubin 1981): two rows
    of the result may be subtracted as they stand and are then paired by image. A share also gets two
    imagined images of its own, one right and one wrong, with Gamma(1/2) weights; its replicates then follow
    Jeffreys' Beta(k + 1/2, n - k + 1/2), so a share of 0 or 1 is not taken for exactly known. Repeated answers vary
    with their images, and by what all images of a repetition share. The metric of
    several seeds is their mean, shifted in each resample by what the seeds may have done (`_seed_shifts`), the same for
    all cells; of a cell with fewer seeds by its first ones. Without ``trainings`` it is the mean alone. NaN where a
    sample is empty. A number that is `Stated` has replicates of its interval instead, which are paired with no other
    cell's.
    """
    columns = [sample for samples in cells for sample in samples]
    parts = np.empty((len(columns), resamples), dtype=np.float32)
    shares = [i for i, sample in enumerate(columns) if sample.share]
    parts[shares] = _shares([columns[i] for i in shares], seed, resamples)
    for i in (i for i in shares if columns[i].shared_variance > 0):
        drawn = np.random.default_rng([seed, 6, i]).standard_normal(resamples)
        parts[i] += np.sqrt(columns[i].shared_variance) * drawn
    for i in set(range(len(columns))) - set(shares):
        parts[i] = _replicates(columns[i], seed, resamples)
    counts = [len(samples) for samples in cells]
    shifts = {seeds: _seed_shifts(seeds, seed, resamples) for seeds in set(counts)}
    of_cells = np.split(parts, np.cumsum(counts)[:-1])
    if not trainings:
        return np.stack([one.mean(axis=0) for one in of_cells])
    return np.stack([one.mean(axis=0) + one.mean(axis=1) @ shifts[len(one)] for one in of_cells])


def _replicates(sample: Sample, seed: int, resamples: int) -> Array:
    """Replicates (resamples,) of what is no share."""
    if isinstance(sample, Stated):
        return _stated(sample, seed, resamples)
    return (_medians if sample.median else _means)(sample, seed, resamples)


def _stated(sample: Stated, seed: int, resamples: int) -> Array:
    """Two halves of normal distributions (resamples,), whose 95 % ends are the interval's; NaN without an interval.

    Its training seeds, which share the cell's key, move together, since images are hard for all of them alike; cells
    move apart. Both is the widest that an interval, and a difference, can be. The quantiles are exact, not drawn.
    """
    places = np.random.default_rng([seed, 4, sample.key]).permutation(resamples) + 0.5
    deviations = norm.ppf(places / resamples) / norm.ppf(1 - LEVEL / 2)
    widths = np.where(deviations < 0, sample.value - sample.low, sample.high - sample.value)
    moved: Array = sample.value + widths * deviations
    return moved


def _weights(block: int, seed: int, resamples: int) -> Array:
    """Weights (BLOCK, resamples) of the images with ids from ``block * BLOCK`` on, the same in every call."""
    return np.random.default_rng([seed, 0, block]).standard_exponential((BLOCK, resamples), dtype=np.float32)


def _shares(samples: Sequence[Sample], seed: int, resamples: int) -> Array:
    """Weighted shares (samples, resamples), by one matrix product per block of images."""
    right = np.random.default_rng([seed, 1]).gamma(0.5, size=(len(samples), resamples)).astype(np.float32)
    total = right + np.random.default_rng([seed, 2]).gamma(0.5, size=right.shape).astype(np.float32)
    ids = [sample.scenes for sample in samples]
    for block in np.unique(np.concatenate([np.unique(i // BLOCK) for i in ids])) if ids else []:
        counted, hits = np.zeros((2, len(samples), BLOCK), dtype=np.float32)
        for row, sample in enumerate(samples):
            inside = ids[row] // BLOCK == block
            if not inside.any():
                continue
            places, weight = ids[row][inside] % BLOCK, len(np.unique(ids[row])) / len(ids[row])
            np.add.at(counted[row], places, weight)  # a scene counts once, however many images show it
            np.add.at(hits[row], places, weight * sample.values[inside])
        weights = _weights(int(block), seed, resamples)
        right += hits @ weights
        total += counted @ weights
    right[[not len(i) for i in ids]] = np.nan
    return right / total


def _means(sample: Sample, seed: int, resamples: int) -> Array:
    """Weighted means (resamples,) of scores."""
    total, weight = np.zeros((2, resamples))
    for block in np.unique(sample.scenes // BLOCK):
        inside = sample.scenes // BLOCK == block
        weights = _weights(int(block), seed, resamples)[sample.scenes[inside] % BLOCK]
        total += sample.values[inside] @ weights
        weight += weights.sum(axis=0)
    return total / weight if len(sample.images) else np.full(resamples, np.nan)


def _medians(sample: Sample, seed: int, resamples: int) -> Array:
    """Weighted medians (resamples,): the value at which half of the weight is reached."""
    if not len(sample.images):
        return np.full(resamples, np.nan)
    order = np.argsort(sample.values)
    ids, values = sample.scenes[order], sample.values[order]
    weights = np.empty((len(ids), resamples), dtype=np.float32)
    for block in np.unique(ids // BLOCK):
        inside = ids // BLOCK == block
        weights[inside] = _weights(int(block), seed, resamples)[ids[inside] % BLOCK]
    reached = np.cumsum(weights, axis=0, dtype=float)
    chosen: Array = values[np.argmax(reached >= reached[-1] / 2, axis=0)]
    return chosen


def _seed_shifts(seeds: int, seed: int, resamples: int) -> Array:
    """Weights (seeds, resamples) of the error of a mean over training seeds; each resample's sum to 0.

    The weighted sum of k values of standard deviation S is S/sqrt(k) times a draw from the t distribution with k - 1
    degrees of freedom, so that a quantile at any level is that of the t interval, also far beyond 95 %. Several means
    over the same seeds get the same normal draws and the same chi-square, as a multivariate t. Each draw comes with its
    opposite, so that the mean does not move, however heavy the tails. All 0 with one seed, which shows no spread.
    """
    if seeds == 1:
        return np.zeros((1, resamples))
    half = -(-resamples // 2)
    normal = np.random.default_rng([seed, 3]).standard_normal((seeds, half))  # row by row: fewer seeds, the same rows
    spread = chi2.ppf(np.random.default_rng([seed, 5]).random(half), seeds - 1) / (seeds - 1)
    drawn = (normal - normal.mean(axis=0)) / np.sqrt(seeds * (seeds - 1) * spread)
    shifts: Array = np.concatenate([drawn, -drawn], axis=1)[:, :resamples]
    return shifts


def joint_intervals(draws: Array) -> tuple[Array, Array]:
    """95 % intervals (m,) of m differences that hold together, from their replicates (m, resamples).

    Mean of the replicates, plus and minus c standard deviations, with one c for all: the 95 % quantile of the largest
    of the m standardised deviations in a resample (the max-t method). With one difference c is about 2;
    differences that share images or networks are not counted as if they were independent. NaN stays NaN.
    """
    middle, spread, largest = _deviations(draws)
    c = float(np.quantile(largest, 1 - LEVEL)) if len(largest) else 0.0
    return middle - c * spread, middle + c * spread


def joint_levels(draws: Array, thresholds: Array) -> Array:
    """p-values (m,): the joint level at which the interval of a difference just leaves out its threshold.

    The share of resamples whose largest standardised deviation is at least the threshold's distance, this distance
    itself counted as one (so never 0). They hold together, as the intervals do. NaN stays NaN.
    """
    middle, spread, largest = _deviations(draws)
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.abs(middle - thresholds) / spread  # 0 / 0, nothing is left out, compares as false below
    beyond = len(largest) - np.searchsorted(np.sort(largest), distance)
    levels = np.where(middle == thresholds, 1.0, (1 + beyond) / (draws.shape[1] + 1))
    return np.where(np.isnan(middle), np.nan, levels)


def _deviations(draws: Array) -> tuple[Array, Array, Array]:
    """Means and standard deviations (m,), and each resample's largest standardised deviation; empty without spread."""
    middle, spread = draws.mean(axis=1), draws.std(axis=1)
    sure = spread > 0
    if not sure.any():
        return middle, spread, np.zeros(0)
    return middle, spread, (np.abs(draws[sure] - middle[sure, None]) / spread[sure, None]).max(axis=0)


def corrected(levels: ArrayLike) -> Array:
    """p-values of several claims by Holm's method: read at 5 %, all are right with 95 %, however they depend.

    Not by Benjamini and Hochberg's, which bounds the share of wrong ones among those decided, and needs claims that do
    not work against each other; ours share cells and may. Holm's costs little here, for what is clear is very clear.
    """
    raw = np.asarray(levels, dtype=float)
    return np.asarray(multipletests(raw, alpha=LEVEL, method="holm")[1]) if len(raw) else raw
