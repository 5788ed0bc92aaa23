"""Metrics of the user's own: copies, what they answer, and what becomes of it in cells, seeds, claims and reports."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lacuna.errors import LacunaError
from lacuna.foreign.metrics import ask_metric
from lacuna.language.codes import Origin
from lacuna.numbers.lines import Outcomes
from lacuna.numbers.metrics import sample, summarise
from lacuna.numbers.statistics import NOTHING, RESAMPLES, Sample, Stated, bootstrap_difference, replicates

ME = "test_foreign_metrics"
N = 40
GIVEN: dict[str, Any] = {
    "a tuple": (50.0, N, (40, 60)),
    "a number": 50.0,
    "nothing": None,
    "a frame": pd.DataFrame({"value": [1.0]}),
    "no interval's key": {"value": 50.0, "n": N},
    "another key": {"value": 50.0, "n": N, "interval": None, "unit": "percent"},
    "no key": {},
    "n above": {"value": 50.0, "n": N + 1, "interval": None},
    "n below": {"value": 50.0, "n": -1, "interval": None},
    "n a float": {"value": 50.0, "n": 40.0, "interval": None},
    "n true": {"value": 50.0, "n": True, "interval": None},
    "n nan": {"value": 50.0, "n": math.nan, "interval": None},
    "value nan": {"value": math.nan, "n": N, "interval": None},
    "value infinite": {"value": np.float32("inf"), "n": N, "interval": None},
    "value a text": {"value": "50", "n": N, "interval": None},
    "value true": {"value": True, "n": N, "interval": None},
    "value none": {"value": None, "n": N, "interval": None},
    "value huge": {"value": 10**400, "n": N, "interval": None},
    "value complex": {"value": 1j, "n": N, "interval": None},
    "more than all": {"value": 101.0, "n": N, "interval": None},
    "less than none": {"value": -0.5, "n": N, "interval": None},
    "three ends": {"value": 50.0, "n": N, "interval": (40, 50, 60)},
    "one end": {"value": 50.0, "n": N, "interval": 40},
    "ends exchanged": {"value": 50.0, "n": N, "interval": (60, 40)},
    "ends beside": {"value": 50.0, "n": N, "interval": (51, 60)},
    "an end nan": {"value": 50.0, "n": N, "interval": (math.nan, 60)},
    "an end too far": {"value": 50.0, "n": N, "interval": (40, 160)},
    "a number of nothing": {"value": 0.0, "n": 0, "interval": None},
    "an interval of nothing": {"value": None, "n": 0, "interval": (0, 100)},
}
REFUSED = {
    "a tuple": "gave a tuple of 3; allowed: a dict with the keys value, n, interval",
    "a number": "gave an object of type float; allowed: a dict",
    "nothing": "gave an object of type NoneType; allowed: a dict",
    "a frame": "gave an object of type DataFrame; allowed: a dict",
    "no interval's key": "gave the keys value, n; allowed: a dict",
    "another key": "gave the keys value, n, interval, unit; allowed: a dict",
    "no key": "gave the keys of none; allowed: a dict",
    "n above": "gave n 41; allowed: an integer from 0 to 40, the images it was given",
    "n below": "gave n -1; allowed: an integer",
    "n a float": "gave n 40.0; allowed: an integer",
    "n true": "gave n True; allowed: an integer",
    "n nan": "gave n nan; allowed: an integer",
    "value nan": "gave value nan; allowed: a finite number from 0 to 100, in the unit percent",
    "value infinite": "gave value np.float32(inf); allowed: a finite number",
    "value a text": "gave value '50'; allowed: a finite number",
    "value true": "gave value True; allowed: a finite number",
    "value none": "gave value None; allowed: a finite number",
    "value huge": "gave value an object of type int; allowed: a finite number",
    "value complex": "gave value 1j; allowed: a finite number",
    "more than all": "gave value 101.0; allowed: a finite number from 0 to 100",
    "less than none": "gave value -0.5; allowed: a finite number from 0 to 100",
    "three ends": "gave interval (40, 50, 60); allowed: two numbers, low and high, or None",
    "one end": "gave interval 40; allowed: two numbers",
    "ends exchanged": "gave interval 60 to 40 with value 50; allowed: ends around the value",
    "ends beside": "gave interval 51 to 60 with value 50; allowed: ends around the value",
    "an end nan": "gave interval low nan; allowed: a finite number",
    "an end too far": "gave interval high 160; allowed: a finite number from 0 to 100",
    "a number of nothing": "gave value 0.0 with n 0; allowed with n 0: None",
    "an interval of nothing": "gave interval (0, 100) with n 0; allowed with n 0: None",
}
STATE = {"calls": 0}


def gives(outcomes: pd.DataFrame, what: str) -> Any:
    return GIVEN[what]


def kept(outcomes: pd.DataFrame) -> dict[str, Any]:
    """The adversarial accuracy, counted anew."""
    right = sum(a == b for a, b in zip(outcomes["adversarial"], outcomes["label"], strict=True))
    n = len(outcomes)
    return {"value": 100 * right / n, "n": n, "interval": (0, 100)}


def spoils(outcomes: pd.DataFrame, weights: list[int]) -> dict[str, Any]:
    value = int(outcomes["image"].sum()) + sum(weights)
    outcomes["image"] = -1
    outcomes.pop("label")
    weights.clear()
    return {"value": value, "n": 1, "interval": None}


def draws(outcomes: pd.DataFrame) -> dict[str, Any]:
    return {"value": np.random.random(), "n": N, "interval": None}


def counts(outcomes: pd.DataFrame) -> dict[str, Any]:
    STATE["calls"] += 1
    return {"value": 1.0, "n": STATE["calls"] % 7, "interval": None}


def raises(outcomes: pd.DataFrame, what: str) -> Any:
    return outcomes[what]


def warns(outcomes: pd.DataFrame) -> dict[str, Any]:
    np.seterr(all="raise")
    return {"value": 1.0, "n": 1, "interval": None}


def lines(n: int = N, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({name: draw.integers(3, size=n) for name in ("label", "clean", "adversarial")})
    return frame.assign(image=draw.permutation(5 * n)[:n], attack="a", source="s", valid=True)


def ask(name: str, unit: str = "percent", **arguments: Any) -> Any:
    return ask_metric(f"{ME}:{name}", "[row | column]", lines(), arguments, unit)


@pytest.mark.parametrize("what", GIVEN)
def test_what_a_metric_answers_is_checked(what: str) -> None:
    with pytest.raises(LacunaError, match="^" + re.escape(f"{ME}:gives for [row | column] {REFUSED[what]}")):
        ask("gives", what=what)


def test_a_metric_gets_copies_and_gives_the_same_from_them() -> None:
    given, weights = lines(), [1, 2]
    before = given.copy()
    answer = ask_metric(f"{ME}:spoils", "", given, {"weights": weights}, "score")
    assert answer == (before["image"].sum() + 3, 1, None, None)
    pd.testing.assert_frame_equal(given, before)
    assert weights == [1, 2]


@pytest.mark.parametrize(
    ("name", "again"), [("draws", "and then value 0."), ("counts", "n 1, low None, high None, and")]
)
def test_a_metric_that_answers_otherwise_when_it_is_asked_again_is_refused(name: str, again: str) -> None:
    STATE["calls"] = 0
    with pytest.raises(LacunaError, match=re.escape(again)) as refused:
        ask(name, "score")
    assert str(refused.value).startswith(f"{ME}:{name} for [row | column] gave value ")
    assert "allowed: the same each time" in str(refused.value)


@pytest.mark.parametrize(("what", "words"), [("none", "raised KeyError at test_foreign_metrics.py, line")])
def test_an_error_in_a_metric_is_one_sentence_with_its_place(what: str, words: str) -> None:
    with pytest.raises(LacunaError, match=re.escape(f"{ME}:raises for [row | column] {words}")):
        ask("raises", what=what)
    with pytest.raises(LacunaError, match="raised TypeError"):
        ask("kept", unknown=1)


@pytest.mark.parametrize("reference", [f"{ME}:nothing_here", f"{ME}:N", "no_such_module_anywhere:kept"])
def test_a_metric_that_cannot_be_had_is_one_sentence(reference: str) -> None:
    with pytest.raises(LacunaError, match=f"'{reference}' (cannot be imported|is of type int)"):
        ask_metric(reference, "", lines(), {})


def test_numpys_settings_are_as_they_were() -> None:
    before = np.geterr()
    ask("warns")
    assert np.geterr() == before


@pytest.mark.parametrize("seed", range(20))
def test_numbers_at_the_ends_are_taken_whatever_kind_of_number_they_are(seed: int) -> None:
    draw = np.random.default_rng(seed)
    value = draw.choice([0.0, 100.0, draw.uniform(0, 100)])
    kinds = [float, np.float64, np.float32, int, np.int64]
    kind = kinds[seed % len(kinds)]
    low, high = max(0.0, float(kind(value)) - 3), min(100.0, float(kind(value)) + 2)
    GIVEN["drawn"] = {"value": kind(value), "n": np.int32(seed), "interval": np.array([low, high * (1 + 1e-12)])}
    if seed:
        answer = ask("gives", what="drawn")
        assert answer.value == float(kind(value))
        assert 0 <= answer.low <= answer.value <= answer.high <= 100
    del GIVEN["drawn"]


# In cells ----------------------------------------------------------------------------------------------------


CELL = {"row": "r", "column": "c", "target": "t", "model": "t", "suite": "u", "attack": "a", "source": "s"}


def cell(name: str, unit: str = "percent", **arguments: Any) -> dict[str, Any]:
    return {**CELL, "metric": f"{ME}:{name}", "unit": unit, "arguments": arguments}


@pytest.mark.parametrize("seed", range(10))
def test_a_metric_that_counts_what_a_ready_made_one_counts_says_the_same(seed: int) -> None:
    outcomes = Outcomes({Origin("evaluate", "u", "t"): lines(N + seed, seed)})
    ready = summarise(sample({**CELL, "metric": "adversarial_accuracy"}, outcomes))
    own = summarise(sample(cell("kept"), outcomes))
    assert own == ready | {"ci_low": 0.0, "ci_high": 100.0}


def test_a_metric_of_no_image_leaves_its_cell_empty() -> None:
    GIVEN["empty"] = {"value": None, "n": 0, "interval": None}
    one = sample(cell("gives", what="empty"), Outcomes({Origin("evaluate", "u", "t"): lines()}))
    del GIVEN["empty"]
    assert summarise(one) == {"value": None, "n": 0, "ci_low": None, "ci_high": None}
    assert np.isnan(replicates([[one]])).all()


# In differences ----------------------------------------------------------------------------------------------


def stated(value: float, low: float, high: float, key: int = 0) -> Stated:
    return Stated(*NOTHING, value=value, low=low, high=high, key=key)


@pytest.mark.parametrize("seed", range(5))
def test_replicates_of_a_stated_number_have_its_interval(seed: int) -> None:
    draw = np.random.default_rng(seed)
    low, value, high = np.sort(draw.normal(size=3))
    found = replicates([[stated(value, low, high, seed)]], seed)[0]
    assert len(found) == RESAMPLES
    np.testing.assert_allclose(np.quantile(found, [0.025, 0.5, 0.975]), [low, value, high], atol=0.01 * (high - low))


def test_seeds_of_one_cell_move_together_and_cells_apart() -> None:
    one, other = [stated(1, 0, 2, key=7)], [stated(1, 0, 2, key=8)]
    both = replicates([one, other])
    assert abs(np.corrcoef(both)[0, 1]) < 0.1
    assert np.quantile(both[0] - both[1], 0.975) == pytest.approx(math.sqrt(2), rel=0.1)
    mean = replicates([[stated(1, 0, 2, key=7)]] * 1)[0]
    np.testing.assert_array_equal(mean, both[0])
    seeds = np.array([replicates([[one]])[0] for one in (stated(1, 0, 2, 7), stated(3, 2, 4, 7))])
    np.testing.assert_allclose(np.quantile(seeds.mean(0), [0.025, 0.975]), [1, 3], atol=0.01)


def test_a_number_without_an_interval_is_in_no_difference() -> None:
    ready = Sample(np.arange(100), np.arange(100) < 60)
    without = stated(0.3, math.nan, math.nan)
    assert np.isnan(bootstrap_difference([ready], [without]).low)
    certain = bootstrap_difference([ready], [stated(0.3, 0.25, 0.35)])
    assert certain.estimate == pytest.approx(0.3)
    assert certain.low < 0.3 < certain.high
