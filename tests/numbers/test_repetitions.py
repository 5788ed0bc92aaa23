"""Shares of repeated answers: variances and intervals against simulations in which the truth is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lacuna.language.codes import Origin
from lacuna.numbers.cells import ANSWER_COLUMNS, CELL_COLUMNS, SEED_COLUMNS, table_cells
from lacuna.numbers.lines import Outcomes
from lacuna.numbers.metrics import sample, summarise
from lacuna.numbers.repetitions import Repeated, repeated_interval, share_of, variances
from lacuna.numbers.statistics import Array, Sample, bootstrap_difference, replicates, same_images, wilson

TRIALS = 300
# How sure a target is about an image, Beta(a, b); how much all images of a repetition share; images; answers.
CASES = [(0.5, 0.5, 0, 60, 2), (4, 2, 0, 60, 5), (0.2, 0.1, 0, 200, 20), (50, 50, 0, 40, 10), (2, 2, 0.1, 150, 12)]


def simulated(draw: np.random.Generator, case: tuple[float, float, float, int, int]) -> Array:
    """Answers (n, k) about new images, each of which is right with a probability of its own."""
    a, b, shared, n, k = case
    certain = draw.beta(a, b, n)[:, None]
    return np.asarray(draw.random((n, k)) < np.clip(certain + draw.normal(0, shared, k), 0, 1))


def repeated(answers: Array) -> Repeated:
    made = share_of(np.arange(len(answers)), answers)
    assert isinstance(made, Repeated)
    return made


@pytest.mark.parametrize("case", CASES)
def test_both_variances_together_are_that_of_the_number(case: tuple[float, float, float, int, int]) -> None:
    draw = np.random.default_rng(0)
    trials = [simulated(draw, case) for _ in range(4 * TRIALS)]
    stated = np.mean([sum(variances(answers)) for answers in trials])
    seen = np.var([answers.mean() for answers in trials])
    assert stated == pytest.approx(seen, rel=0.15)


@pytest.mark.parametrize("shared", [0, 0.1])
def test_the_variance_of_answers_is_that_of_asking_the_same_images_again(shared: float) -> None:
    draw = np.random.default_rng(1)
    certain = draw.beta(2, 1, 50)[:, None]
    asked = [draw.random((50, 8)) < np.clip(certain + draw.normal(0, shared, 8), 0, 1) for _ in range(4 * TRIALS)]
    stated = np.mean([variances(answers).answers for answers in asked])
    assert stated == pytest.approx(np.var([answers.mean() for answers in asked]), rel=0.15)


@pytest.mark.parametrize("case", CASES)
def test_the_interval_covers_the_share_over_all_images_and_answers(case: tuple[float, float, float, int, int]) -> None:
    draw = np.random.default_rng(2)
    truth = np.mean([simulated(draw, (*case[:3], 4000, case[4])).mean() for _ in range(100)])
    inside = 0
    for _ in range(TRIALS):
        low, high = repeated_interval(repeated(simulated(draw, case)))
        inside += low <= truth <= high
    assert 0.92 <= inside / TRIALS <= 0.995  # 95 %; two standard errors of 300 trials are 2.5 %


def test_as_if_repetitions_were_images_covers_far_less() -> None:
    """What the interval must not be: Wilson's of all answers, where a target is nearly sure of each image."""
    draw, case = np.random.default_rng(3), (0.1, 0.1, 0, 60, 20)
    inside = 0
    for _ in range(TRIALS):
        answers = simulated(draw, case)
        low, high = wilson(int(answers.sum()), answers.size)
        inside += low <= 0.5 <= high
    assert inside / TRIALS < 0.6


@pytest.mark.parametrize("k", [2, 7])
def test_of_a_target_that_repeats_itself_the_interval_is_wilsons(k: int) -> None:
    draw = np.random.default_rng(k)
    for n, p in ((5, 0.5), (60, 0.9), (300, 0.02), (40, 0), (40, 1)):
        right = draw.random(n) < p
        answers = np.repeat(right[:, None], k, axis=1)
        assert repeated_interval(repeated(answers)) == pytest.approx(wilson(int(right.sum()), n))
        assert variances(answers).answers == pytest.approx(0, abs=1e-12)
        assert variances(answers).images == pytest.approx(np.var(right, ddof=1) / n)


def test_no_interval_is_narrower_than_that_of_all_answers() -> None:
    answers = np.array([[True, False], [False, True]] * 30)
    assert repeated_interval(repeated(answers)) == pytest.approx(wilson(60, 120))


def test_a_single_image_or_answer_shows_no_variance() -> None:
    for answers in (np.array([[True, False]]), np.array([[True], [False]])):
        assert np.isnan(variances(answers)).all()
        low, high = repeated_interval(repeated(answers))
        assert 0 <= low < 0.5 < high <= 1


@pytest.mark.parametrize("shared", [0, 0.1])
def test_replicates_vary_as_the_number_does(shared: float) -> None:
    draw, case = np.random.default_rng(4), (2, 2, shared, 150, 12)
    spreads = [replicates([[repeated(simulated(draw, case))]])[0].std() for _ in range(20)]
    seen = np.std([simulated(draw, case).mean() for _ in range(4 * TRIALS)])
    assert np.mean(spreads) == pytest.approx(seen, rel=0.12)


def test_a_difference_of_repeated_shares_is_paired_by_image() -> None:
    draw = np.random.default_rng(5)
    certain = draw.beta(0.3, 0.3, 400)
    one, other = (repeated(draw.random((400, 10)) < certain[:, None] * scale) for scale in (1, 0.9))
    found = bootstrap_difference([one], [other])
    paired = 2 * 1.96 * np.std(one.values - other.values) / 20
    assert found.high - found.low == pytest.approx(paired, rel=0.15)
    assert found.estimate == pytest.approx(one.values.mean() - other.values.mean())


def test_the_test_on_the_same_images_is_the_sign_test_of_their_shares() -> None:
    draw = np.random.default_rng(6)
    one, other = (repeated(draw.random((80, 4)) < p) for p in (0.7, 0.5))
    more, less = (one.values > other.values).sum(), (one.values < other.values).sum()
    both, p = same_images(one, other)
    assert both == 80
    assert p == pytest.approx(stats.binomtest(int(min(more, less)), int(more + less)).pvalue)


# From lines to numbers -----------------------------------------------------------------------------------------

CELL = {"row": "r", "column": "c", "model": "m", "target": "m", "suite": "s", "attack": "a", "source": "n"}


def lines(answers: Array, clean: Array, **more: object) -> pd.DataFrame:
    """Lines of one attack on a target that draws; the true class is 1."""
    n = len(answers)
    frame = pd.DataFrame({"attack": "a", "source": "n", "image": np.arange(n), "label": 1, "valid": True, "wanted": -1})
    frame = frame.assign(source_adversarial=0, source_clean=1, distance_8bit=0.1, **more)
    for name, given in (("clean", clean), ("adversarial", answers)):
        frame[name] = [int(np.bincount(one).argmax()) for one in given]
        frame[f"{name}_answers"] = list(given.astype(np.int16))
    return frame


METRICS = ("adversarial_accuracy", "defense_rate", "success_rate", "test_accuracy", "bounded_accuracy_8bit")


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_count_each_answer_and_images_once(metric: str) -> None:
    draw = np.random.default_rng(7)
    answers, clean = draw.integers(0, 2, (30, 5)), (draw.random((30, 5)) < 0.8).astype(int)
    frame = lines(answers, clean)
    cell = {**CELL, "metric": metric, "radius": 1, "reference": 1}
    found = summarise(sample(cell, Outcomes({Origin("evaluate", "s", "m"): frame})))
    mostly = clean.mean(axis=1) > 0.5
    expected = {
        "adversarial_accuracy": answers,
        "defense_rate": answers[mostly],
        "success_rate": 1 - answers[mostly],
        "test_accuracy": clean,
        "bounded_accuracy_8bit": answers * clean,
    }[metric]
    assert found["n"] == len(expected)
    assert found["answers"] == 5
    assert found["value"] == pytest.approx(100 * expected.mean(), abs=1e-3)
    assert found["variance_answers"] == pytest.approx(100**2 * expected.mean(0).var(ddof=1) / 5, rel=1e-4)
    assert found["ci_low"] < found["value"] < found["ci_high"]


def test_a_share_of_single_answers_has_no_further_columns() -> None:
    made = share_of(np.arange(3), np.array([True, False, True]))
    assert type(made) is Sample
    assert summarise(made).keys() == {"value", "n", "ci_low", "ci_high"}


def test_a_part_of_the_images_keeps_their_answers() -> None:
    answers = np.random.default_rng(8).random((10, 3)) < 0.5
    part = repeated(answers).at(np.arange(10) % 2 == 0)
    assert (part.answers == answers[::2]).all()
    assert (part.values == answers[::2].mean(axis=1)).all()
    assert list(part.images) == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("seeds", [1, 2])
def test_cells_have_the_answers_and_both_variances_before_their_provenance(seeds: int) -> None:
    draw, model = np.random.default_rng(9), "resnet18-standard-s1"
    cell = {**CELL, "model": model, "target": f"{model}--jitter", "source": f"{model}--jitter", "defense": "jitter"}
    named = ["attacked", "clean"]
    cells = [{**cell, "column": named[0], "metric": "adversarial_accuracy"}]
    cells.append({**cell, "column": named[1], "metric": "test_accuracy", "attack": "none", "source": ""})
    folders = ["mine", "mine-seed1"][:seeds]
    settings = {
        "exhibit": "t",
        "scale": "demo",
        "dataset": "mine",
        "paper_dataset": "mine",
        "width": "1",
        "cells": cells,
    }
    settings |= {"replicas": folders} if seeds > 1 else {}
    outcomes = {}
    for folder in folders:
        frame = lines(draw.integers(0, 2, (40, 5)), draw.integers(0, 2, (40, 5)), source_flat=0)
        attacked = frame.assign(source=f"{model}--jitter")
        outcomes[folder, Origin("evaluate", "s", f"{model}--jitter")] = pd.concat(
            [frame.assign(attack="none", source=""), attacked], ignore_index=True
        )
    printed = pd.DataFrame(columns=["row", "column", "target", "attack", "value"])
    made = table_cells(settings, outcomes, printed, dict.fromkeys(outcomes, "digits"))
    more = SEED_COLUMNS if seeds > 1 else []
    assert list(made.columns) == [*CELL_COLUMNS[:-1], *ANSWER_COLUMNS, *more, "provenance"]
    assert list(made["source"]) == ["defended", ""]
    assert list(made["answers"]) == [5, 5]
    assert list(made["n"]) == [40, 40]
    assert (made[["variance_images", "variance_answers"]].to_numpy() >= 0).all()
    assert (made["ci_low"] < made["value"]).all()
    assert (made["value"] < made["ci_high"]).all()
