"""The rules of docs/audit.md: what intervals cover, how often a verdict is wrong, what the printed numbers say."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from claimed import claims_with_codes, printed_exhibits
from scipy import stats
from test_verdicts import GAIN, SOURCES, Rates, a_table, the_samples

from lacuna.claims.decisions import our_numbers
from lacuna.claims.relations import Claim, PaperClaims, load_claims
from lacuna.claims.verdicts import deciding_level, judge, judgements
from lacuna.numbers.statistics import (
    LEVEL,
    RESAMPLES,
    Sample,
    bootstrap_difference,
    corrected,
    joint_intervals,
    joint_levels,
    mean_interval,
    replicates,
    same_images,
    wilson,
)

PAPERS = sorted(path.stem for path in (Path(__file__).parents[2] / "config/claims").glob("*.yaml"))
DECIDED = {"holds for these networks", "supported", "contradicted"}

# Intervals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [20, 100, 500, 2000])
def test_wilsons_interval_covers_a_share_with_95_percent_on_average_and_never_much_less(n: int) -> None:
    """Exact, by summing over all outcomes; shares near 0 and 1 included."""
    low, high = np.array([wilson(k, n) for k in range(n + 1)]).T
    shares = np.linspace(0.01, 0.99, 99)
    covered = [stats.binom.pmf(np.arange(n + 1), n, p)[(low <= p) & (p <= high)].sum() for p in shares]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)
    assert min(covered) > 0.83  # its known worst case, next to 0 and 1
    assert min(covered[9:-9]) > 0.91


@pytest.mark.parametrize(("n", "draw"), [(30, "normal"), (100, "exponential"), (400, "exponential")])
def test_the_interval_of_a_mean_of_scores_covers_it(n: int, draw: str) -> None:
    generator = np.random.default_rng(n)
    truth = {"normal": 0.0, "exponential": 1.0}[draw]
    covered = 0
    for _ in range(200):
        scores = getattr(generator, draw)(size=n)
        draws = replicates([[Sample(np.arange(n), scores)]], resamples=400)[0]
        low, high = np.quantile(draws, [0.025, 0.975])
        covered += low <= truth <= high
    assert 0.89 <= covered / 200 <= 0.985  # few skewed scores: a bootstrap is a little narrow


def test_the_interval_of_a_mean_is_that_of_scipys_bootstrap() -> None:
    scores = np.random.default_rng(5).gamma(2, size=300)
    theirs = stats.bootstrap((scores,), np.mean, method="percentile", rng=np.random.default_rng(6)).confidence_interval
    assert mean_interval(scores) == pytest.approx((theirs.low, theirs.high), abs=0.08 * (theirs.high - theirs.low))
    assert np.isnan(mean_interval(scores[:5])).all()


def test_means_of_scores_are_paired_by_image() -> None:
    draw = np.random.default_rng(7)
    hard, order = draw.normal(size=500), draw.permutation(500)
    one = Sample(np.arange(500), hard + 0.1 * draw.normal(size=500))
    other = Sample(np.arange(500)[order], (hard + 0.2)[order])
    found = bootstrap_difference([other], [one])
    assert 0.15 < found.low < 0.2 < found.high < 0.25
    assert np.isnan(replicates([[Sample(np.arange(0), np.zeros(0))]])).all()


# McNemar ---------------------------------------------------------------------------------------------------


def test_mcnemar_sees_the_images_that_count_for_both_alone() -> None:
    draw = np.random.default_rng(8)
    for _ in range(20):
        first, second = (
            Sample(np.sort(draw.permutation(200)[:150]), draw.random(150) < p) for p in draw.uniform(0.2, 0.9, size=2)
        )
        common = sorted(set(first.images) & set(second.images))
        right, also = ({i: bool(v) for i, v in zip(s.images, s.values, strict=True)} for s in (first, second))
        gained = sum(right[i] and not also[i] for i in common)
        lost = sum(also[i] and not right[i] for i in common)
        both, p = same_images(first, second)
        assert both == len(common)
        assert p == pytest.approx(stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1)
    shuffled = draw.permutation(150)
    assert same_images(Sample(first.images[shuffled], first.values[shuffled]), second) == (both, p)
    nothing, value = same_images(first, Sample(first.images + 1000, first.values))
    assert (nothing, math.isnan(value)) == (0, True)


def test_comparisons_carry_mcnemar_only_for_two_shares_of_one_training() -> None:
    rates: Rates = {("standard", s): 0.4 for s in SOURCES} | {("bottom", s): 0.6 for s in SOURCES}
    claims = PaperClaims("defective", (Claim("A1", "t", "4", "yes", (GAIN,)),), (), ())
    for seeds, filled in ((1, True), (3, False)):
        samples = the_samples(rates, 400, seeds=seeds)
        pairs = judgements(claims, a_table(rates), our_numbers(a_table(rates), samples))["A1"].comparisons
        assert pairs[["both", "mcnemar"]].notna().all(axis=None) == filled
        assert pairs["both"].tolist() == ([400, 400] if filled else [pd.NA, pd.NA])


# Levels and the correction ---------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [1, 5, 60])
def test_a_level_below_five_percent_is_an_interval_that_leaves_the_threshold_out(m: int) -> None:
    draw = np.random.default_rng(m)
    draws = draw.normal(size=(m, 2000)) + draw.normal(0, 2.5, size=(m, 1))
    low, high = joint_intervals(draws)
    levels = joint_levels(draws, np.zeros(m))
    apart = np.abs(levels - LEVEL) > 0.002
    assert (((low > 0) | (high < 0)) == (levels < LEVEL))[apart].all()
    if m == 1:
        expected = 2 * stats.norm.sf(abs(draws.mean() / draws.std()))
        assert levels[0] == pytest.approx(expected, abs=0.02)


def test_levels_without_spread_or_numbers() -> None:
    draws = np.stack([np.full(500, 2.0), np.full(500, 2.0), np.full(500, np.nan)])
    levels = joint_levels(draws, np.array([1.0, 2.0, 0.0]))
    assert levels[:2].tolist() == [1 / 501, 1.0]
    assert math.isnan(levels[2])


@pytest.mark.parametrize(
    ("holds", "fails", "support", "contradict", "expected"),
    [
        ([0.01, 0.02, 0.03], [1, 1, 1], 3, 1, 0.03),
        ([0.01, 0.02, 1], [1, 1, 0.2], 3, 1, 0.2),
        ([0.01, 0.02, 1], [1, 1, 0.2], 2, 2, 0.02),
        ([0.01], [1], 2, 2, 1.0),
        ([0.01, math.nan], [1, math.nan], 2, 2, 1.0),
    ],
)
def test_a_claims_level_is_that_of_the_last_comparison_it_takes(
    holds: list[float], fails: list[float], support: int, contradict: int, expected: float
) -> None:
    assert deciding_level(holds, fails, support, contradict) == expected


def test_holm_by_hand() -> None:
    assert corrected([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert corrected([]).size == 0


@pytest.mark.parametrize("paper", PAPERS)
def test_the_bootstrap_is_fine_enough_for_the_claims_of_a_paper(root: Path, paper: str) -> None:
    """The smallest p-value there is must survive the correction, or nothing could ever be decided."""
    compared = [claim for claim in load_claims(root, paper).claims if claim.compare]
    assert len(compared) / (RESAMPLES + 1) < LEVEL


# How often a verdict is wrong ------------------------------------------------------------------------------


def many(count: int) -> PaperClaims:
    """As many claims, each on networks of its own."""
    blocks = [
        {"where": {"exhibit": "table3", "source": f"s{i}"}, "left": {"variant": "bottom"}, "relation": ">"}
        | {"right": {"variant": "standard"}}
        for i in range(count)
    ]
    return PaperClaims("defective", tuple(Claim(f"A{i}", "t", "4", "yes", (b,)) for i, b in enumerate(blocks)), (), ())


def run(count: int, gain: float, n: int, seed: int) -> list[str]:
    rates: Rates = {(v, f"s{i}"): 0.5 + gain * (v == "bottom") for v in ("standard", "bottom") for i in range(count)}
    cells = a_table(rates)
    found = judgements(many(count), cells, our_numbers(cells, the_samples(rates, n, seed)))
    return [finding.verdict for finding in found.values()]


def test_of_many_claims_on_equal_networks_any_is_decided_in_at_most_five_percent_of_runs() -> None:
    """Thirty claims that are all at the border: uncorrected, four runs of five would decide one or more."""
    wrong = sum(bool(DECIDED & set(run(30, 0, 150, seed))) for seed in range(40))
    assert wrong <= 40 * LEVEL + 2 * math.sqrt(40 * LEVEL * (1 - LEVEL))


def test_what_is_clear_is_still_decided_among_many() -> None:
    verdicts = run(30, 0.3, 400, 0)
    assert verdicts == ["holds for these networks"] * 30


def test_a_claim_decided_by_itself_alone_says_so() -> None:
    samples = [[Sample(np.arange(400), np.arange(400) < k)] for k in (200, 213)]
    rates: Rates = {("standard", "s0"): 0.5, ("bottom", "s0"): 0.53}
    others: Rates = {(v, f"s{i}"): 0.5 for v in ("standard", "bottom") for i in range(1, 40)}
    cells = a_table(rates)
    alone = judgements(many(1), cells, our_numbers(cells, samples))["A0"]
    assert (alone.verdict, alone.p == alone.p_corrected) == ("holds for these networks", True)
    cells = pd.concat([cells, a_table(others)], ignore_index=True)
    found = judgements(many(40), cells, our_numbers(cells, samples + the_samples(others, 400)))["A0"]
    assert found.verdict == "inconclusive"
    assert found.note == "holds for these networks if it were the only claim, but not among 40"
    assert found.p < LEVEL < found.p_corrected


TABLES = 30  # the same is simulated far more often for the intervals alone (tests/numbers/test_trainings.py)


@pytest.mark.parametrize("wobble", [0.02, 0.15])
def test_three_trainings_of_equal_methods_seldom_support_anything(wobble: float) -> None:
    """One comparison, in which images and trainings vary (docs/claims.md)."""
    wrong = 0
    for seed in range(TABLES):
        rates: Rates = {("standard", "s0"): 0.5, ("bottom", "s0"): 0.5}
        samples = the_samples(rates, 300, seed, seeds=3, wobble=wobble)
        cells = a_table(rates)
        wrong += judgements(many(1), cells, our_numbers(cells, samples))["A0"].verdict in DECIDED
    assert wrong <= TABLES * LEVEL + 2.5 * math.sqrt(TABLES * LEVEL * (1 - LEVEL))


# The papers' own numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("paper", PAPERS)
def test_printed_numbers_decide_a_claim_only_as_they_show_it(root: Path, paper: str) -> None:
    claims = claims_with_codes(root, paper)
    shares = {claim.id: claim.share for claim in claims.claims if claim.compare}
    frame, _ = judge(
        claims, pd.DataFrame(), [], pd.read_csv(root / f"data/printed/{paper}.csv"), printed_exhibits(root, paper)
    )
    made = frame[frame["printed_comparisons"] > 0].set_index("id")
    margins = made["margin"] <= 0
    for name, line in made.iterrows():
        shown = line["printed_hold"] >= shares[str(name)] * line["printed_comparisons"] - 1e-9
        if line["printed_verdict"] == "holds for these networks" and margins[name]:
            assert shown or line["margin"] < 0, name
        if line["printed_verdict"] == "contradicted" and line["margin"] == 0:
            assert not shown, name
    assert not set(made["printed_verdict"]) & {"supported", "not run"}, "one training, and all of it is printed"
