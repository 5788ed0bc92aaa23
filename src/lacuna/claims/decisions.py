"""Decides comparisons between cells: joint bootstrap intervals of their differences, and p-values.

docs/claims.md states the rules in words; `lacuna.claims.relations` finds the comparisons.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from lacuna.claims.relations import Claim, Comparison
from lacuna.language.codes import PERCENT
from lacuna.numbers.metrics import round_digits
from lacuna.numbers.statistics import (
    RESAMPLES,
    Array,
    Sample,
    joint_intervals,
    joint_levels,
    replicates,
    same_images,
)
from lacuna.numbers.trainings import Errors, joint_half_widths, joint_levels_of, training_errors

HOLDS, CONTRADICTED, UNDECIDED = "holds", "contradicted", "undecided"
SIMILAR = "~"  # the relation of numbers that are about equal


@dataclass(frozen=True)
class Numbers:
    """Values (cells,) and their replicates ``draws`` (cells, resamples), in the cells' units; NaN where there are none.

    ``samples`` has what each cell counts, once per training seed. It is empty for printed numbers. ``by_training``
    (cells, seeds) are the values of the trainings that every cell has; the replicates are then of the images alone.
    """

    values: Array
    draws: Array
    samples: Sequence[Sequence[Sample]] = ()
    by_training: Array | None = None

    @property
    def seeds(self) -> int:
        """Trainings behind each number."""
        return min((len(one) for one in self.samples), default=1)

    def at(self, places: Sequence[int]) -> "Numbers":
        """Those of some cells."""
        samples = [self.samples[i] for i in places if self.samples]
        by_training = None if self.by_training is None else self.by_training[places]
        return Numbers(self.values[places], self.draws[places], samples, by_training)


def our_numbers(cells: pd.DataFrame, samples: Sequence[Sequence[Sample]], seed: int = 0) -> Numbers:
    """Our numbers, with bootstrap replicates that are paired by image.

    ``samples`` has one sample per cell and training seed. ``seed`` is that of the bootstrap.
    """
    seeds = min((len(one) for one in samples), default=1)
    draws = np.full((len(cells), RESAMPLES), np.nan)
    for places in cells.reset_index(drop=True).groupby("dataset").groups.values():
        draws[places] = replicates([samples[i] for i in places], seed, trainings=False)
    values = np.array([np.mean([one.estimate() for one in seeds]) for seeds in samples])
    unit = np.where(cells["unit"] == PERCENT, 100, 1)
    several = [[one.estimate() for one in of_cell[:seeds]] for of_cell in samples] if seeds > 1 else None
    by_training = None if several is None else np.array(several) * unit[:, None]
    return Numbers(values * unit, draws * unit[:, None], samples, by_training)


def printed_numbers(cells: pd.DataFrame, images: Sequence[int | None], seed: int = 0) -> Numbers:
    """The paper's numbers. Replicates of a share are drawn from Jeffreys' Beta distribution, as if not paired.

    ``images`` has the number of images behind each share. Without it, and for what is no share, there are no
    replicates and so no interval.
    """
    values = cells["value"].to_numpy(dtype=float)
    known = [n is not None and unit == PERCENT for n, unit in zip(images, cells["unit"], strict=True)]
    n = np.array([n for n, kept in zip(images, known, strict=True) if kept], dtype=float)[:, None]
    right = values[known][:, None] / 100 * n
    draws = np.full((len(cells), RESAMPLES), np.nan)
    draws[known] = 100 * np.random.default_rng(seed).beta(right + 0.5, n - right + 0.5, size=(len(n), RESAMPLES))
    return Numbers(values, draws)


def advantage(comparison: Comparison, numbers: Array) -> Array:
    """Difference in the claimed direction: positive where the relation holds; minus the distance for ``~``.

    ``numbers`` is (cells, ...); the result has the other dimensions.
    """
    difference = signed_advantage(comparison, numbers)
    return -np.abs(difference) if comparison.relation == SIMILAR else difference


def signed_advantage(comparison: Comparison, numbers: Array) -> Array:
    """`advantage`, but for ``~`` the left number less the right one."""
    left, right = numbers[list(comparison.left)], numbers[list(comparison.right)]
    value = 0 if comparison.value is None else comparison.value
    other = right[0] if len(right) else value
    difference = _spearman(left, right) - value if len(left) > 1 else left[0] - other
    return -difference if comparison.relation.startswith("<") else np.asarray(difference)


def _spearman(left: Array, right: Array) -> Array:
    """Rank correlation over the first dimension; NaN where a number is missing."""
    ranks = [rankdata(side, axis=0) for side in (left, right)]
    one, other = (r - r.mean(axis=0) for r in ranks)
    with np.errstate(invalid="ignore"):
        correlation: Array = (one * other).sum(axis=0) / np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))
    return np.where(np.isnan(left).any(axis=0) | np.isnan(right).any(axis=0), np.nan, correlation)


def decide_comparisons(claim: Claim, comparisons: Sequence[Comparison], numbers: Numbers) -> pd.DataFrame:
    """One line per comparison of a claim.

    ``hold`` says whether the relation holds for the numbers as they stand. ``advantage`` is the difference in the
    claimed direction, ``low`` and ``high`` its joint interval. ``decision`` is whether the interval lies beyond the
    claim's margin, and ``above`` on which side of the margin the mean of the replicates lies. ``p`` is the level at
    which the comparison is just decided, ``mcnemar`` McNemar's p-value on the images that count for ``both``.
    """
    relations = np.array([c.relation for c in comparisons])
    ahead = np.array([advantage(c, numbers.values) for c in comparisons], dtype=float)
    similar = relations == SIMILAR
    needed = np.where(similar, -claim.margin, claim.margin)
    middle, low, high, p = (_over_images if numbers.seeds == 1 else _over_trainings)(comparisons, numbers, needed)
    hold = np.where(similar, ahead >= needed, np.where(np.char.endswith(relations, "="), ahead >= 0, ahead > 0))
    decision = np.where(low > needed, HOLDS, np.where(high < needed, CONTRADICTED, UNDECIDED))
    decided = pd.DataFrame({"relation": relations, "advantage": ahead, "low": low, "high": high})
    decided[["advantage", "low", "high"]] = decided[["advantage", "low", "high"]].map(round_digits)
    decided = decided.assign(hold=hold, decision=decision, above=middle > needed, p=p)
    return decided.join(_mcnemar(comparisons, numbers))


def _over_images(comparisons: Sequence[Comparison], numbers: Numbers, needed: Array) -> tuple[Array, ...]:
    """Means of the replicates, joint intervals and p-values (m,) of comparisons whose trainings are as they are."""
    draws = np.stack([advantage(c, numbers.draws) for c in comparisons])
    return draws.mean(axis=1), *joint_intervals(draws), joint_levels(draws, needed)


def _over_trainings(comparisons: Sequence[Comparison], numbers: Numbers, needed: Array) -> tuple[Array, ...]:
    """The same of comparisons that are to hold for other trainings too."""
    assert numbers.by_training is not None
    draws = np.stack([signed_advantage(c, numbers.draws) for c in comparisons])
    means = training_errors(numbers.by_training, lambda x: np.array([signed_advantage(c, x) for c in comparisons]))
    errors = Errors(draws.std(axis=1), means, numbers.by_training.shape[1])
    similar = np.array([c.relation == SIMILAR for c in comparisons])
    signed, half = draws.mean(axis=1), joint_half_widths(errors)
    middle = np.where(similar, -np.abs(signed), signed)
    low, high = middle - half, np.where(similar, np.minimum(middle + half, 0), middle + half)
    return middle, low, high, joint_levels_of(np.abs(middle - needed), errors)


def _mcnemar(comparisons: Sequence[Comparison], numbers: Numbers) -> pd.DataFrame:
    """The images that count for both of two shares of one training, and McNemar's p-value on them; else nothing."""
    lines: list[tuple[int | None, float | None]] = []
    for c in comparisons:
        pair = [numbers.samples[i] for i in c.members] if numbers.samples and len(c.members) == 2 else []
        shares = len(pair) == 2 and all(len(one) == 1 and one[0].share for one in pair)
        lines.append(same_images(pair[0][0], pair[1][0]) if shares else (None, None))
    return pd.DataFrame(lines, columns=["both", "mcnemar"]).astype({"both": "Int64"})
