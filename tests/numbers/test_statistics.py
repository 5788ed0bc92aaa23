"""Order-statistic intervals and the bootstrap: against closed formulas, scipy, and by simulated coverage."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from lacuna.numbers.statistics import (
    RESAMPLES,
    Array,
    Sample,
    _seed_shifts,
    bootstrap_difference,
    joint_intervals,
    median_interval,
    replicates,
    scene_interval,
    wilson,
)


def shares(draw: np.random.Generator, n: int, p: float, first: int = 0) -> Sample:
    """A share over the images with ids from ``first`` on, in random order."""
    return Sample(first + draw.permutation(n), draw.random(n) < p)


# Median ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [6, 7, 10, 25, 99, 500])
def test_the_interval_of_a_median_is_the_tightest_symmetric_pair_of_order_statistics(n: int) -> None:
    low, high = median_interval(np.random.default_rng(n).permutation(n) + 1)
    k = int(low)
    assert high == n + 1 - k
    below = sum(math.comb(n, i) for i in range(k)) / 2**n  # fewer than k of n values below the median
    assert below <= 0.025 < below + math.comb(n, k) / 2**n


@pytest.mark.parametrize("n", [0, 1, 5])
def test_fewer_than_six_values_bound_no_median(n: int) -> None:
    assert np.isnan(median_interval(np.arange(n))).all()


@pytest.mark.parametrize("n", [6, 20, 101])
def test_the_interval_of_a_median_covers_it(n: int) -> None:
    draw = np.random.default_rng(n)
    covered = [
        low <= math.log(2) <= high for low, high in (median_interval(draw.exponential(size=n)) for _ in range(800))
    ]
    assert 0.94 <= np.mean(covered) <= 1  # at least 95 %; two standard errors of 800 simulations are 1.5 %


# Bootstrap of one pair -------------------------------------------------------------------------------------


def test_a_plain_paired_difference_is_that_of_scipys_bootstrap() -> None:
    draw = np.random.default_rng(1)
    latent = draw.random(600)
    one, other = latent + 0.3 * draw.random(600) < 0.8, latent + 0.3 * draw.random(600) < 0.7
    images = draw.permutation(600)
    ours = bootstrap_difference([Sample(images, one)], [Sample(images, other)])
    theirs = stats.bootstrap(
        (one, other),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        paired=True,
        method="percentile",
        n_resamples=4000,
        rng=np.random.default_rng(2),
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.estimate == pytest.approx(one.mean() - other.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.08 * width)
    assert ours.levels == "images"


def test_images_are_paired_by_id_and_not_by_position() -> None:
    draw = np.random.default_rng(2)
    sample = shares(draw, 500, 0.5)
    shuffled = draw.permutation(500)
    same = Sample(sample.images[shuffled], sample.values[shuffled])
    apart = Sample(sample.images + 500, sample.values)
    narrow, wide = (bootstrap_difference([sample], [other]) for other in (same, apart))
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)
    assert wide.high - wide.low == pytest.approx(2 * 1.96 * math.sqrt(2 * 0.25 / 500), rel=0.1)


@pytest.mark.parametrize(("right", "n"), [(0, 500), (500, 500), (0, 3), (3, 3), (1, 40), (120, 400)])
def test_one_share_is_resampled_as_jeffreys_beta_distribution(right: int, n: int) -> None:
    sample = Sample(np.arange(n), np.arange(n) < right)
    draws = replicates([[sample]], resamples=4000)[0]
    assert stats.kstest(draws, stats.beta(right + 0.5, n - right + 0.5).cdf).pvalue > 0.001


def test_a_share_of_nothing_has_no_replicates() -> None:
    nothing = Sample(np.array([], dtype=int), np.array([], dtype=bool))
    median = Sample(nothing.images, np.array([]), median=True)
    assert np.isnan(replicates([[nothing], [median]])).all()
    assert np.isnan(nothing.estimate())
    assert np.isnan(median.estimate())


def test_a_weighted_median_is_that_of_the_repeated_values() -> None:
    draw = np.random.default_rng(3)
    sample = Sample(draw.permutation(3000)[:301], draw.lognormal(size=301), median=True)
    draws = replicates([[sample]])[0]
    low, high = median_interval(sample.values)
    assert np.isin(draws.astype(np.float32), sample.values.astype(np.float32)).all()
    assert np.quantile(draws, [0.025, 0.975]) == pytest.approx((low, high), rel=0.1)


def test_replicates_of_a_cell_do_not_depend_on_the_images_of_the_others() -> None:
    draw = np.random.default_rng(4)
    cell, others = shares(draw, 300, 0.4), [shares(draw, 2500, 0.5), shares(draw, 10, 0.5, first=40_000)]
    alone = replicates([[cell]])
    np.testing.assert_allclose(replicates([[cell], *([other] for other in others)])[0], alone[0], rtol=1e-2)


def test_the_same_call_gives_the_same_bytes_and_another_seed_others() -> None:
    pair = [[shares(np.random.default_rng(5), 200, 0.4)], [shares(np.random.default_rng(6), 200, 0.6)]]
    assert bootstrap_difference(*pair) == bootstrap_difference(*pair)
    assert bootstrap_difference(*pair, seed=1) != bootstrap_difference(*pair)


@pytest.mark.parametrize("counts", [(1, 2), (5, 3), (4, 1, 2)])
def test_cells_with_other_numbers_of_seeds_are_as_they_are_alone(counts: tuple[int, ...]) -> None:
    draw = np.random.default_rng(sum(counts))
    rates = draw.uniform(0.3, 0.7, (len(counts), max(counts)))
    samples = [[shares(draw, 400, p) for p in row[:k]] for row, k in zip(rates, counts, strict=True)]
    together = replicates(samples)
    for one, draws in zip(samples, together, strict=True):
        assert draws.mean() == pytest.approx(np.mean([sample.estimate() for sample in one]), abs=0.01)
        assert draws.std() == pytest.approx(replicates([one])[0].std(), rel=0.05)


# Coverage by simulation ------------------------------------------------------------------------------------


def attacked(draw: np.random.Generator, n: int, shift: float) -> tuple[Sample, Sample]:
    """Two targets on the same images, each counting the images it gets right; hard images are hard for both.

    The true shares are Phi(shift / sqrt 2) and one half.
    """
    hard = draw.normal(size=n)
    clean = [draw.random(n) < 0.9 for _ in range(2)]
    survived = [hard + draw.normal(size=n) < s for s in (shift, 0)]
    return tuple(Sample(np.flatnonzero(c), s[c]) for c, s in zip(clean, survived, strict=True))  # type: ignore[return-value]


@pytest.mark.parametrize(("n", "shift"), [(30, 0.0), (300, 1.0), (300, 4.0)])
def test_the_interval_covers_the_true_difference_of_paired_shares(n: int, shift: float) -> None:
    draw = np.random.default_rng(int(n + shift))
    truth = stats.norm.cdf(shift / math.sqrt(2)) - 0.5
    covered = 0
    for _ in range(250):
        draws = replicates([[sample] for sample in attacked(draw, n, shift)], resamples=400)
        low, high = np.quantile(draws[0] - draws[1], [0.025, 0.975])
        covered += low <= truth <= high
    assert 0.915 <= covered / 250 <= 0.99  # 95 % within about two and a half standard errors (1.4 %) of 250 simulations


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_interval_covers_a_difference_between_trainings_that_vary(seeds: int) -> None:
    draw = np.random.default_rng(seeds)
    n, covered = 900, 0
    images = np.arange(n)
    for _ in range(200):
        rates = np.clip(0.5 + 0.08 * draw.normal(size=(2, seeds)), 0, 1)  # both methods are equally good on average
        cells = [[Sample(images, draw.random(n) < p) for p in row] for row in rates]
        draws = replicates(cells, resamples=300)
        low, high = np.quantile(draws[0] - draws[1], [0.025, 0.975])
        covered += low <= 0 <= high
    assert 0.91 <= covered / 200 <= 0.995  # a little above 95 %: noise of the images is in both levels


def spread_of_means(values: Array, resamples: int) -> Array:
    """Errors (simulations, resamples) of the means of values (simulations, seeds), from the weights of replicates."""
    return np.asarray(values @ _seed_shifts(values.shape[1], 0, resamples))


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_where_only_trainings_vary_the_interval_is_that_of_student_at_every_level(seeds: int) -> None:
    values = np.random.default_rng(seeds).normal(3, 2, (1, seeds))
    errors = spread_of_means(values, 200_000)[0] / (values.std(ddof=1) / math.sqrt(seeds))
    for level in (0.32, 0.05, 0.01, 0.00085):
        reached = np.quantile(np.abs(errors), 1 - level)
        assert reached == pytest.approx(stats.t.ppf(1 - level / 2, seeds - 1), rel=0.1 if seeds > 2 else 0.25)
    assert abs(errors.mean()) < 1e-9, "each draw has its opposite"


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_equal_methods_are_decided_no_more_often_than_the_level_of_many_claims_says(seeds: int) -> None:
    """One of 59 claims is read at 0.05 / 59 = 0.00085: resampled seeds, stretched to 95 %, were wrong in 1 to 3 %."""
    values = np.random.default_rng(100 + seeds).normal(size=(20_000, seeds))
    errors = np.abs(spread_of_means(values, RESAMPLES))
    levels = (1 + (errors >= np.abs(values.mean(axis=1, keepdims=True))).sum(axis=1)) / (RESAMPLES + 1)
    for level in (0.05, 0.01, 0.00085):
        expected = level + 3 * math.sqrt(level / len(values))
        assert (levels <= level).mean() <= expected + 1 / RESAMPLES, level


def test_several_seeds_are_named_as_a_level_and_widen_the_interval() -> None:
    images = np.arange(1000)
    strong, weak = ([Sample(images, images < 1000 * p) for p in ps] for ps in ((0.8, 0.5, 0.65), (0.5, 0.5, 0.5)))
    several = bootstrap_difference(strong, weak)
    single = bootstrap_difference(strong[2:], weak[2:])
    assert (several.levels, single.levels) == ("seeds and images", "images")
    assert several.estimate == pytest.approx(0.15)
    assert several.high - several.low > 3 * (single.high - single.low)


def test_seeds_of_sources_and_targets_go_together() -> None:
    images = np.arange(1000)
    up = [Sample(images, images < 1000 * p) for p in (0.2, 0.5, 0.8)]
    down = [Sample(images, images < 1000 * p) for p in (0.3, 0.6, 0.9)]  # the seeds' effects cancel
    paired = bootstrap_difference(down, up)
    crossed = bootstrap_difference(down[::-1], up)
    assert paired.low > 0.05
    assert crossed.low < -0.2


# Joint intervals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [lambda z: z, lambda z: z + 3 * z[:1]], ids=["independent", "correlated"])
def test_joint_intervals_hold_together(build: Callable[[Array], Array]) -> None:
    draw = np.random.default_rng(8)
    together = 0
    for _ in range(200):
        observed = build(draw.normal(size=(40, 1)))
        low, high = joint_intervals(observed + build(draw.normal(size=(40, 500))))
        together += bool(((low <= 0) & (high >= 0)).all())
    assert 0.91 <= together / 200 <= 0.99


def test_a_single_joint_interval_is_the_usual_one() -> None:
    low, high = joint_intervals(3 + 2 * np.random.default_rng(9).normal(size=(1, 20_000)))
    assert (low[0], high[0]) == pytest.approx((3 - 3.92, 3 + 3.92), abs=0.1)


def test_joint_intervals_widen_with_their_number_and_leave_out_what_has_no_spread() -> None:
    draws = np.random.default_rng(10).normal(size=(200, 2000))
    widths = [np.subtract(*joint_intervals(draws[:m])[::-1])[0] for m in (1, 20, 200)]
    assert widths[0] < widths[1] < widths[2] < 2 * 4.5
    draws[0], draws[1] = 7, np.nan
    low, high = joint_intervals(draws)
    assert (low[0], high[0]) == (7, 7)
    assert np.isnan(low[1])
    assert (high[2:] - low[2:] > widths[1]).all()


@pytest.mark.parametrize("size", [1, 4])
def test_scenes_whose_images_agree_count_as_one_image_each(size: int) -> None:
    draw = np.random.default_rng(size)
    scenes = draw.random(40) < 0.6
    images, values = np.arange(40 * size), np.repeat(scenes, size)
    whole, single = Sample(images, values, scene_images=size), Sample(np.arange(40), scenes)
    assert np.allclose(replicates([[whole]]), replicates([[single]]), atol=1e-6)


def test_an_interval_over_scenes_covers_where_one_over_images_does_not() -> None:
    draw, inside = np.random.default_rng(1), np.zeros(2)
    rounds, scenes, size, p = 300, 25, 4, 0.5
    for _ in range(rounds):
        values = np.repeat(draw.random(scenes) < p, size)
        low, high = scene_interval(Sample(np.arange(scenes * size), values, scene_images=size))
        plain = wilson(int(values.sum()), len(values))
        inside += [low <= p <= high, plain[0] <= p <= plain[1]]
    assert inside[0] / rounds > 0.92
    assert inside[1] / rounds < 0.8


def test_few_scenes_bound_no_mean_but_a_share() -> None:
    images, scores = np.arange(20), np.linspace(0, 1, 20)
    assert np.isnan(scene_interval(Sample(images, scores, scene_images=4))).all()
    low, high = scene_interval(Sample(images, np.ones(20, dtype=bool), scene_images=4))
    assert 0.4 < low < 0.95
    assert high == 1
