"""Differences over several trainings: levels that hold by simulation, for equal networks, at any level and jointly."""

import math
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lacuna.claims.decisions import CONTRADICTED, HOLDS, UNDECIDED, decide_comparisons, our_numbers
from lacuna.claims.relations import Claim, Comparison
from lacuna.numbers.statistics import LEVEL, Array, Sample
from lacuna.numbers.trainings import Errors, joint_half_widths, joint_levels_of, training_errors

KS, ONE_OF_59 = (2, 3, 5, 10), 0.05 / 59


def most(level: float, tries: int) -> float:
    """What a rate that is ``level`` stays below in nearly all simulations of so many tries."""
    return level + 3.5 * math.sqrt(level / tries) + 2 / tries


@pytest.mark.parametrize("k", KS)
@pytest.mark.parametrize("ratio", [0.1, 0.3, 1, 3, 10])  # errors of trainings over errors of images
def test_equal_networks_are_decided_at_most_as_often_as_the_level_says(k: int, ratio: float) -> None:
    draw, tries = np.random.default_rng([k, int(10 * ratio)]), 100_000
    of_trainings = ratio * np.sqrt(draw.chisquare(k - 1, tries) / (k - 1))
    errors = Errors(np.ones(tries), of_trainings, k)
    found = np.abs(draw.normal(size=tries) + ratio * draw.normal(size=tries))
    for level in (0.05, 0.01, ONE_OF_59):
        assert (found > errors.half_widths(np.full(tries, level))).mean() <= most(level, tries)


@pytest.mark.parametrize("k", [3, 5])
def test_crossed_effects_on_equal_networks_decide_any_of_twenty_in_at_most_five_percent_of_tables(k: int) -> None:
    """Sources, targets and masks each have an effect of their own in every training; no method is better."""
    draw, tables, sides = np.random.default_rng(k), 10_000, 5
    source, target = draw.normal(size=(2, tables, sides, 1, k))
    cells = source + target.transpose(0, 2, 1, 3) + draw.normal(size=(tables, sides, sides, k))
    differences = (cells[:, :, 1:] - cells[:, :, :1]).reshape(-1, k)
    errors = Errors(np.zeros(len(differences)), training_errors(differences, lambda x: x), k)
    decided = np.abs(differences.mean(axis=1)) > joint_half_widths(errors, sides * (sides - 1))
    assert decided.reshape(tables, -1).any(axis=1).mean() <= most(LEVEL, tables)


@pytest.mark.parametrize("k", KS)
def test_the_jackknife_of_a_difference_is_its_standard_error(k: int) -> None:
    values = np.random.default_rng(k).normal(size=(6, k))
    found = training_errors(values, lambda x: x[:3] - x[3:])
    expected = (values[:3] - values[3:]).std(axis=1, ddof=1) / math.sqrt(k)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("k", KS)
def test_without_errors_of_images_intervals_and_levels_are_those_of_students_test(k: int) -> None:
    values = np.random.default_rng(k).normal(0.5, 1, size=(7, k))
    errors = Errors(np.zeros(7), training_errors(values, lambda x: x), k)
    found = joint_levels_of(np.abs(values.mean(axis=1)), errors)
    expected = np.minimum(1, 7 * stats.ttest_1samp(values, 0, axis=1).pvalue)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    half = joint_half_widths(errors)
    np.testing.assert_allclose(joint_levels_of(half, errors), LEVEL, rtol=1e-6)
    assert (joint_half_widths(errors, 50) > half).all()


def test_without_errors_of_trainings_they_are_those_of_the_normal_distribution() -> None:
    errors = Errors(np.array([1.0, 2.0]), np.zeros(2), 5)
    np.testing.assert_allclose(joint_half_widths(errors), stats.norm.isf(LEVEL / 4) * errors.images)
    np.testing.assert_allclose(joint_levels_of(np.array([2.5, 2.5]), errors), 4 * stats.norm.sf([2.5, 1.25]), rtol=1e-6)


def test_levels_at_the_ends() -> None:
    errors = Errors(np.array([1.0, 1.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.0, 1.0]), 3)
    found = joint_levels_of(np.array([0.0, 1e9, 3.0, np.nan]), errors)
    assert found[0] == 1
    assert found[1] < 1e-6
    assert found[2] < 1e-6, "nothing moves these numbers"
    assert np.isnan(found[3])


def test_the_documents_table_of_differences_that_can_be_seen_is_the_simulations(root: Path) -> None:
    seen = pd.read_csv(root / "docs/benchmarks/power.csv").set_index(["trainings", "images", "spread"])
    text = (root / "docs/claims.md").read_text()
    for k, n in product((3, 5, 10), (500, 2000, 10_000)):
        numbers = [seen.loc[(k, n, spread), name] for spread in (1, 3) for name in ("alone", "among_59")]
        assert "| " + " | ".join(map(str, (k, n, *numbers))) + " |" in text
    for name in ("alone", "among_59"):  # more trainings, or images, never see less
        by = seen[name].unstack("trainings")[[3, 5, 10]].dropna()
        assert (by.loc[500] >= by.loc[10_000]).all().all()
        assert (by[3] >= by[10]).all()


# In claims -------------------------------------------------------------------------------------------------

IMAGES = np.arange(4000)


def cell(*rates: float) -> list[Sample]:
    """A cell with one training for each rate, on the same images."""
    return [Sample(IMAGES, rate * len(IMAGES) > IMAGES) for rate in rates]


def decided(relation: str, *sides: list[Sample], margin: float = 0) -> pd.Series:
    cells = pd.DataFrame({"dataset": ["d"] * len(sides), "unit": ["percent"] * len(sides)})
    claim, places = Claim("A", "", "", "", margin=margin), Comparison((0,), (1,), relation)
    return decide_comparisons(claim, [places], our_numbers(cells, list(sides))).iloc[0]


def spread(mean: float, wobble: float, k: int = 5) -> Array:
    """Rates of k trainings around a mean."""
    return mean + wobble * np.linspace(-1, 1, k)


@pytest.mark.parametrize(
    ("wobble", "relation", "decision"),
    [(0.01, ">", HOLDS), (0.01, "<", CONTRADICTED), (0.2, ">", UNDECIDED), (0.2, "<", UNDECIDED)],
)
def test_a_difference_must_be_clear_of_what_trainings_do(wobble: float, relation: str, decision: str) -> None:
    line = decided(relation, cell(*spread(0.6, wobble)), cell(*spread(0.5, wobble)[::-1]))
    assert line["decision"] == decision
    assert (line["p"] < LEVEL) == (decision != UNDECIDED)
    assert line["low"] < abs(line["advantage"]) * (1 if relation == ">" else -1) < line["high"]


@pytest.mark.parametrize(("apart", "decision"), [(0.0, HOLDS), (0.03, UNDECIDED), (0.2, CONTRADICTED)])
def test_about_equal_is_decided_by_the_distance_of_the_whole_interval(apart: float, decision: str) -> None:
    line = decided("~", cell(*spread(0.5, 0.005)), cell(*spread(0.5 + apart, 0.005)[::-1]), margin=4)
    assert line["decision"] == decision
    assert line["high"] <= 0


def test_trainings_that_go_together_are_paired() -> None:
    up, more = spread(0.5, 0.2), spread(0.55, 0.2)
    assert decided(">", cell(*more), cell(*up))["decision"] == HOLDS
    assert decided(">", cell(*more), cell(*up[::-1]))["decision"] == UNDECIDED


def test_a_cell_with_fewer_trainings_limits_what_is_known() -> None:
    numbers = our_numbers(
        pd.DataFrame({"dataset": ["d", "d"], "unit": ["percent", "percent"]}), [cell(0.5, 0.6, 0.7), cell(0.4, 0.5)]
    )
    assert numbers.seeds == 2
    assert numbers.by_training is not None
    np.testing.assert_allclose(numbers.by_training, [[50, 60], [40, 50]])
    np.testing.assert_allclose(numbers.values, [60, 45])
