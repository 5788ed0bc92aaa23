"""Verdicts: known truths recovered from samples, the counting rules, what is left out, printed numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from lacuna.claims.decisions import our_numbers, printed_numbers
from lacuna.claims.relations import Claim, PaperClaims
from lacuna.claims.verdicts import COMPARISON_COLUMNS, decide_verdict, judge, judgements
from lacuna.numbers.statistics import Sample, bootstrap_difference

Rates = dict[tuple[str, str], float]  # (variant, source) -> true defense rate
VARIANTS, SOURCES = ("standard", "bottom"), ("vgg19", "senet18")
UNIFORM = (np.arange(100) + 0.5) / 100
GRID = np.add.outer(0.7 * UNIFORM, 0.3 * UNIFORM)
SIDES = {"left": {"variant": "bottom"}, "right": {"variant": "standard"}}
GAIN = {"where": {"exhibit": "table3"}, "relation": ">"} | SIDES


def the_claims(*blocks: dict[str, Any], not_applicable: Sequence[dict[str, Any]] = (), **other: Any) -> PaperClaims:
    body = {"text": "t", "section": "4", "stated": "yes", "compare": blocks, "share": 1.0, "margin": 0.0} | other
    images = ({"where": {}, "images": 5000},)
    return PaperClaims("defective", (Claim("DEF01", **body),), images, tuple(not_applicable))


def a_table(rates: Rates, exhibit: str = "table3", dataset: str = "cifar10") -> pd.DataFrame:
    """Cells without numbers: what `judge` needs of them is what they are numbers of."""
    lines = [
        {"exhibit": exhibit, "row": variant, "column": source, "variant": variant, "source": source}
        | {"target": "resnet18", "keep_prob": np.nan, "attack": "pgd_e16_a1_t20", "metric": "defense_rate"}
        | {"unit": "percent", "dataset": dataset, "scale": "demo", "provenance": f"{variant}-{source}"}
        for variant, source in rates
    ]
    return pd.DataFrame(lines)


def the_samples(rates: Rates, n: int, seed: int = 0, seeds: int = 1, wobble: float = 0) -> list[list[Sample]]:
    """Samples of every cell and training seed over the same images; trainings differ by ``wobble``."""
    draw = np.random.default_rng(seed)
    hard, images = draw.random(n), draw.permutation(n)
    lists = []
    for p in rates.values():
        shares = np.clip(p + wobble * draw.normal(size=seeds), 0, 1)
        lists.append([Sample(images, 0.7 * hard + 0.3 * draw.random(n) < _level(q)) for q in shares])
    return lists


def _level(p: float) -> float:
    """The p quantile of 0.7 U + 0.3 U'."""
    return float(np.quantile(GRID, p)) if 0 < p < 1 else p


def judged(rates: Rates, claims: PaperClaims, n: int = 1000, **other: Any) -> tuple[pd.Series, pd.DataFrame]:
    cells = a_table(rates)
    printed = cells.assign(table=3, value=[100 * p for p in rates.values()]).drop(columns=["exhibit", "dataset"])
    frame, pairs = judge(claims, cells, the_samples(rates, n, **other), printed)
    return frame.iloc[0], pairs


STRONG: Rates = {("standard", s): 0.2 for s in SOURCES} | {("bottom", s): 0.6 for s in SOURCES}
EQUAL: Rates = {(v, s): 0.5 for v in VARIANTS for s in SOURCES}
WEAK: Rates = {("standard", s): 0.6 for s in SOURCES} | {("bottom", s): 0.2 for s in SOURCES}
MIXED: Rates = STRONG | {("standard", "vgg19"): 0.6, ("bottom", "vgg19"): 0.2}


# Known truths ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rates", "expected", "counts"),
    [
        (STRONG, "holds for these networks", (2, 2, 2, 0)),
        (WEAK, "contradicted", (2, 0, 0, 2)),
        (MIXED, "contradicted", (2, 1, 1, 1)),
    ],
    ids=["strong", "weak", "mixed"],
)
def test_a_clear_truth_is_found(rates: Rates, expected: str, counts: tuple[int, ...]) -> None:
    line, pairs = judged(rates, the_claims(GAIN))
    assert line["verdict"] == line["printed_verdict"] == expected
    assert tuple(line[["comparisons", "hold", "clear_hold", "clear_against"]]) == counts
    assert (line["printed_comparisons"], line["printed_hold"]) == counts[:2]
    assert (pairs["low"] <= pairs["advantage"]).all()
    assert (pairs["advantage"] <= pairs["high"]).all()


def test_no_difference_is_inconclusive() -> None:
    line, pairs = judged(EQUAL, the_claims(GAIN))
    assert line["verdict"] == line["printed_verdict"] == "inconclusive"
    assert set(pairs["decision"]) == {"undecided"}


def test_true_differences_of_zero_are_seldom_decided() -> None:
    """The joint level: among 20 comparisons of equal networks, any is decided in about 5 % of the claims."""
    rates = {(v, f"{s}{i}"): 0.5 for v in VARIANTS for i in range(10) for s in SOURCES}
    decided = 0
    for seed in range(40):
        numbers = our_numbers(a_table(rates), the_samples(rates, 200, seed))
        pairs = judgements(the_claims(GAIN), a_table(rates), numbers)["DEF01"].comparisons
        decided += bool((pairs["decision"] != "undecided").any())
    assert decided <= 6  # of 40; 2 expected


def test_the_interval_is_that_of_the_difference_and_not_the_overlap_of_two() -> None:
    """On paired images a difference shows that two separate intervals would hide."""
    draw = np.random.default_rng(1)
    weak = draw.random(1000) < 0.5
    strong = weak | (draw.random(1000) < 0.04)  # right wherever the other is, and on a few images more
    images = np.arange(1000)
    cells = a_table({("standard", "vgg19"): 0, ("bottom", "vgg19"): 0})
    samples = [[Sample(images, weak)], [Sample(images, strong)]]
    frame, pairs = judge(the_claims(GAIN), cells, samples, printed_table(cells))
    assert frame.loc[0, "verdict"] == "holds for these networks"
    assert strong.mean() - weak.mean() < 1.96 * math.sqrt(0.25 / 1000)  # within one cell's own interval
    assert pairs.loc[0, "low"] > 0


def printed_table(cells: pd.DataFrame, value: float = 50.0) -> pd.DataFrame:
    return cells.assign(table=3, value=value).drop(columns=["exhibit", "dataset"])


def test_one_comparison_has_the_interval_of_the_bootstrap_of_its_pair() -> None:
    rates = {("standard", "vgg19"): 0.3, ("bottom", "vgg19"): 0.35}
    samples = the_samples(rates, 800)
    _, pairs = judge(the_claims(GAIN), a_table(rates), samples, printed_table(a_table(rates)))
    alone = bootstrap_difference(samples[1], samples[0])
    width = 100 * (alone.high - alone.low)
    assert (pairs.loc[0, "low"], pairs.loc[0, "high"]) == pytest.approx(
        (100 * alone.low, 100 * alone.high), abs=0.05 * width
    )
    assert pairs.loc[0, "advantage"] == pytest.approx(100 * alone.estimate, rel=1e-5)


def test_shares_of_zero_on_few_images_decide_nothing() -> None:
    nothing = dict.fromkeys(EQUAL, 0.0)
    one_all = {key: float(key[0] == "bottom") for key in EQUAL}
    assert judged(nothing, the_claims(GAIN), n=500)[0]["verdict"] == "inconclusive"
    assert judged(nothing, the_claims(GAIN | {"relation": "<="}, margin=-1.0), n=5)[0]["verdict"] == "inconclusive"
    assert judged(one_all, the_claims(GAIN), n=1)[0]["verdict"] == "inconclusive"
    assert judged(one_all, the_claims(GAIN), n=100)[0]["verdict"] == "holds for these networks"


@pytest.mark.parametrize(
    ("margin", "expected"), [(20, "holds for these networks"), (39.9, "inconclusive"), (60, "contradicted")]
)
def test_a_margin_must_be_passed(margin: float, expected: str) -> None:
    assert judged(STRONG, the_claims(GAIN, margin=margin), n=3000)[0]["verdict"] == expected


@pytest.mark.parametrize(
    ("rates", "margin", "expected"),
    [(EQUAL, 10, "holds for these networks"), (STRONG, 10, "contradicted"), (WEAK, 45, "holds for these networks")],
)
def test_similar_means_within_the_margin(rates: Rates, margin: float, expected: str) -> None:
    line, _ = judged(rates, the_claims(GAIN | {"relation": "~"}, margin=margin), n=3000)
    assert line["verdict"] == line["printed_verdict"] == expected


def test_a_claim_that_something_does_not_help_allows_the_slack_of_its_margin() -> None:
    line, _ = judged(EQUAL, the_claims(GAIN | {"relation": "<="}, margin=-10.0), n=3000)
    assert line["verdict"] == "holds for these networks"


def test_a_number_is_judged_against_a_threshold() -> None:
    level = {"left": {"variant": "bottom"}, "relation": ">="}
    verdicts = [judged(STRONG, the_claims(level | {"value": value}))[0]["verdict"] for value in (40, 60, 80)]
    assert verdicts == ["holds for these networks", "inconclusive", "contradicted"]


def test_an_order_is_judged_by_its_rank_correlation() -> None:
    block = {"rank": ["variant"], "between": "source", "match": ["attack"], "relation": ">=", "value": 0.8}
    rising = {(f"v{i}", s): 0.1 + 0.1 * i for i in range(8) for s in SOURCES}
    turned = rising | {(f"v{i}", "vgg19"): 0.8 - 0.1 * i for i in range(8)}
    assert judged(rising, the_claims(block))[0]["verdict"] == "holds for these networks"
    assert judged(turned, the_claims(block))[0]["verdict"] == "contradicted"


def test_medians_are_compared_in_their_own_unit() -> None:
    draw = np.random.default_rng(2)
    cells = a_table({("standard", "self"): 0, ("bottom", "self"): 0}).assign(unit="median_squared_l2_per_pixel")
    samples = [[Sample(np.arange(200), m * draw.lognormal(size=200), median=True)] for m in (1e-5, 4e-5)]
    frame, pairs = judge(the_claims(GAIN), cells, samples, printed_table(cells, 7.3e-6))
    assert frame.loc[0, "verdict"] == "holds for these networks"
    assert frame.loc[0, "printed_verdict"] == "not applicable"
    assert 0 < pairs.loc[0, "low"] < 3e-5 < pairs.loc[0, "high"] < 1e-4


# Seeds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seeds", "expected"), [(1, "holds for these networks"), (2, "holds for these networks"), (3, "supported")]
)
def test_support_needs_three_training_seeds(seeds: int, expected: str) -> None:
    line, _ = judged(STRONG, the_claims(GAIN), seeds=seeds)
    assert (line["verdict"], line["seeds"]) == (expected, seeds)


def test_trainings_that_vary_more_than_they_differ_support_nothing() -> None:
    slight = {key: 0.5 + 0.05 * (key[0] == "bottom") for key in EQUAL}
    assert judged(slight, the_claims(GAIN), n=4000)[0]["verdict"] == "holds for these networks"
    assert judged(slight, the_claims(GAIN), n=4000, seeds=3, wobble=0.1)[0]["verdict"] == "inconclusive"


# Counting --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("holds", "against", "undecided", "missing", "share", "expected"),
    [
        (10, 0, 0, 0, 1, "holds for these networks"),
        (9, 0, 1, 0, 1, "inconclusive"),
        (9, 1, 0, 0, 1, "contradicted"),
        (9, 1, 0, 0, 0.9, "holds for these networks"),
        (8, 1, 1, 0, 0.9, "inconclusive"),
        (8, 2, 0, 0, 0.9, "contradicted"),
        (153, 17, 0, 0, 0.9, "holds for these networks"),
        (152, 17, 1, 0, 0.9, "inconclusive"),
        (5, 0, 0, 5, 1, "inconclusive"),
        (0, 5, 0, 5, 0.9, "contradicted"),
        (9, 0, 0, 1, 0.9, "holds for these networks"),
    ],
)
def test_a_verdict_counts_what_is_decided(
    holds: int, against: int, undecided: int, missing: int, share: float, expected: str
) -> None:
    decisions = ["holds"] * holds + ["contradicted"] * against + ["undecided"] * undecided
    assert decide_verdict(Claim("X1", "", "", "yes", share=share), decisions, missing, 1) == expected


def test_comparisons_that_were_not_run_keep_a_claim_open() -> None:
    line, _ = judged(STRONG, the_claims(GAIN, printed={"comparisons": 5, "hold": 5}))
    assert line["verdict"] == "inconclusive"
    assert line["note"] == "3 further comparisons were not run"


def test_a_claim_without_its_exhibit_was_not_run() -> None:
    line, pairs = judged(STRONG, the_claims(GAIN | {"where": {"exhibit": "table9"}}))
    assert (line["verdict"], line["comparisons"], line["cells"]) == ("not run", 0, "")
    assert pairs.empty
    assert list(pairs.columns) == COMPARISON_COLUMNS


def test_what_says_nothing_about_the_paper_is_left_out() -> None:
    rule = {"where": {"dataset": "cifar10", "source": "vgg19"}, "reason": "a stand-in"}
    line, pairs = judged(MIXED, the_claims(GAIN, not_applicable=[rule], printed={"comparisons": 2, "hold": 2}))
    assert (line["verdict"], line["comparisons"]) == ("holds for these networks", 1)
    assert pairs["left"].tolist() == ["table3 resnet18 [bottom | senet18]"]
    rule["where"] = {"dataset": "cifar10"}
    line, _ = judged(MIXED, the_claims(GAIN, not_applicable=[rule]))
    assert (line["verdict"], line["note"], line["comparisons"]) == ("not applicable", "a stand-in", 0)


def test_a_cell_over_no_image_leaves_its_comparison_undecided() -> None:
    samples = the_samples(STRONG, 1000)
    samples[0] = [Sample(np.arange(0), np.zeros(0, dtype=bool))]
    frame, pairs = judge(the_claims(GAIN), a_table(STRONG), samples, printed_table(a_table(STRONG)))
    assert frame.loc[0, "verdict"] == "inconclusive"
    assert sorted(pairs["decision"]) == ["holds", "undecided"]
    assert pairs.loc[pairs["decision"] == "undecided", "hold"].tolist() == [False]


def test_a_row_printed_twice_counts_once() -> None:
    cells = a_table(STRONG)
    twice, samples = pd.concat([cells, cells.iloc[[0]]]), the_samples(STRONG, 500)
    frame, _ = judge(the_claims(GAIN), twice, [*samples, samples[0]], printed_table(cells))
    assert frame.loc[0, "comparisons"] == 2


# Printed numbers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "n"), [(0.0, 1000), (50.0, 5000), (99.53, 4000), (100.0, 10)])
def test_a_printed_share_has_the_spread_of_its_images(value: float, n: int) -> None:
    cells = pd.DataFrame({"value": [value], "unit": ["percent"]})
    draws = printed_numbers(cells, [n]).draws[0] / 100
    right = value / 100 * n
    bounds = beta(right + 0.5, n - right + 0.5).ppf([0.025, 0.975])
    assert np.quantile(draws, [0.025, 0.975]) == pytest.approx(bounds, rel=0.1, abs=0.05 / n)


def test_printed_numbers_without_images_have_no_interval() -> None:
    cells = pd.DataFrame({"value": [50.0, 7e-6], "unit": ["percent", "median_squared_l2_per_pixel"]})
    numbers = printed_numbers(cells, [None, 500])
    assert np.isnan(numbers.draws).all()
    assert numbers.values.tolist() == [50.0, 7e-6]


def test_the_same_cells_give_the_same_bytes() -> None:
    first, other = (judged(MIXED, the_claims(GAIN))[1].to_csv() for _ in range(2))
    assert first == other


def test_our_numbers_are_in_the_units_of_their_cells() -> None:
    cells = a_table(STRONG)
    samples = the_samples(STRONG, 500)
    numbers = our_numbers(cells, samples)
    assert numbers.values == pytest.approx([100 * s[0].values.mean() for s in samples])
    assert numbers.draws.mean(axis=1) == pytest.approx(numbers.values, abs=0.5)
    assert judgements(the_claims(GAIN), cells, numbers)["DEF01"].verdict == "holds for these networks"
