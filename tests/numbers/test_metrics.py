"""What each metric counts, against counting image after image; codes of networks; cells beyond Table 3."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lacuna.language.codes import GRADIENT_METRICS, Origin, source_code, variant_code
from lacuna.language.exhibits import CLEAN_METRICS
from lacuna.language.models import ModelSpec
from lacuna.numbers.cells import cell_identity, compute_cells
from lacuna.numbers.lines import Outcomes
from lacuna.numbers.metrics import METRICS, sample, summarise
from lacuna.numbers.statistics import Sample, median_interval

Frames = dict[Origin, pd.DataFrame]
ANSWERS: dict[str, Callable[[Any], tuple[int, bool]]] = {
    "success_rate": lambda r: (r.adversarial, r.clean == r.label),
    "success_relaxed": lambda r: (r.relaxed, r.source_clean == r.label),
    "success_hard": lambda r: (r.hard, r.source_clean == r.label),
}
BOUNDED: dict[str, Callable[[Any], tuple[float, int]]] = {
    "bounded_accuracy": lambda r: (r.distance, r.unrounded),
    "bounded_accuracy_8bit": lambda r: (r.distance_8bit, r.adversarial),
}
RADIUS = 0.04
TARGETS, TESTED, CLASSES = ("resnet18-standard-s1", "vgg19-standard-s1", "senet18-standard-s1"), 50, 3


def outcomes_of(target: str) -> Origin:
    return Origin("evaluate", "s", target)


def outcomes(seed: int, source: str, skill: float = 0.7) -> Frames:
    """Outcomes of three targets on the clean test set and on one set of 30 images, some of its examples invalid."""
    draw = np.random.default_rng(seed)
    label = draw.integers(CLASSES, size=TESTED)
    chosen = draw.permutation(TESTED)[:30]
    answers = draw.integers(CLASSES, size=30) if source != "none" else np.full(30, -1)
    valid, distance = draw.random(30) < 0.8, draw.lognormal(-11, 1, size=30).astype(np.float32)
    wanted, relaxed, hard, unrounded = (draw.integers(-1, CLASSES, size=30) for _ in range(4))
    saved = draw.lognormal(-11, 1, size=30).astype(np.float32)
    frames = {}
    for target in TARGETS:
        clean = np.where(draw.random(TESTED) < skill, label, draw.integers(CLASSES, size=TESTED))
        whole = pd.DataFrame({"attack": "none", "source": "", "image": range(TESTED), "label": label, "clean": clean})
        whole = whole.assign(adversarial=clean, source_clean=-1, source_adversarial=-1, valid=True, distance=0.0)
        whole = whole.assign(
            wanted=-1, relaxed=-1, hard=-1, unrounded=-1, distance_8bit=0.0, radius=draw.random(TESTED) / 10
        )
        made = pd.DataFrame({"attack": "a", "source": source, "image": chosen, "label": label[chosen]})
        made = made.assign(clean=clean[chosen], adversarial=draw.integers(CLASSES, size=30), source_clean=answers)
        made = made.assign(source_adversarial=answers, valid=valid, distance=distance)
        made = made.assign(wanted=wanted, relaxed=relaxed, hard=hard, radius=np.nan)
        made = made.assign(unrounded=unrounded, distance_8bit=saved)
        frames[outcomes_of(target)] = pd.concat([whole, made.sample(frac=1, random_state=seed)], ignore_index=True)
    return frames


def a_cell(metric: str, source: str, target: str = TARGETS[0]) -> dict[str, Any]:
    attacked = {"attack": "none", "source": ""} if metric in CLEAN_METRICS else {"attack": "a", "source": source}
    attacked |= {"radius": RADIUS, "reference": 100}
    place = {"row": "r", "column": "c", "model": target, "target": target, "suite": "s", "defense": ""}
    return place | attacked | {"metric": metric, "pair": list(TARGETS[:2])}


def counted(metric: str, frames: Frames, source: str) -> dict[int, Any]:
    """Image id -> what it adds to the metric of the first target, as the definitions say."""
    right = {
        key.name: {r.image for r in frame.itertuples() if r.attack == "none" and r.clean == r.label}
        for key, frame in frames.items()
    }
    found: dict[int, Any] = {}
    for r in frames[outcomes_of(TARGETS[0])].itertuples():
        if metric in CLEAN_METRICS:
            if r.attack == "none":
                found[r.image] = r.clean == r.label and (metric == "test_accuracy" or r.radius >= RADIUS)
            continue
        if r.attack == "a" and metric in BOUNDED:
            far, answer = BOUNDED[metric](r)
            found[r.image] = r.clean == r.label and not (r.valid and far * 100 <= RADIUS**2 and answer != r.label)
            continue
        if r.attack == "a" and metric in ANSWERS:
            answer, right_when_clean = ANSWERS[metric](r)
            if right_when_clean and answer >= 0:
                found[r.image] = r.valid and (answer == r.wanted if r.wanted >= 0 else answer != r.label)
            continue
        if r.attack != "a" or not r.valid:
            continue
        mine, partner = r.image in right[TARGETS[0]], r.image in right[TARGETS[1]]
        fools = source in ("none", TARGETS[0]) or r.source_adversarial != r.label  # in the white box all count
        counts = {
            "defense_rate": mine and fools,
            "adversarial_accuracy": True,
            "conditional_accuracy": mine and partner,
            "boundary_score": mine,
        }
        if counts[metric]:
            found[r.image] = r.distance if metric == "boundary_score" else r.adversarial == r.label
    return found


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("source", ["vgg19-standard-s0", "none", TARGETS[0]])
@pytest.mark.parametrize(("seed", "skill"), [(0, 0.7), (1, 1.0), (2, 0.3)])
def test_each_metric_counts_what_its_definition_says(metric: str, source: str, seed: int, skill: float) -> None:
    frames = outcomes(seed, source, skill)
    found = sample(a_cell(metric, source), Outcomes(frames))
    assert dict(zip(found.images.tolist(), found.values.tolist(), strict=True)) == pytest.approx(
        counted(metric, frames, source)
    )
    assert found.median == (metric == "boundary_score")


@pytest.mark.parametrize("seed", range(3))
def test_a_measure_is_a_mean_over_the_images_it_could_be_taken_of(seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = np.where(draw.random(40) < 0.8, draw.normal(30, 5, size=40), np.nan)
    lines = pd.DataFrame({"attack": "a", "source": "n", "image": draw.permutation(40), "psnr": values})
    other = lines.assign(attack="b", psnr=0.0)
    cell = {"metric": "psnr", "attack": "a", "source": "n", "measured": "made", "suite": "s", "target": "t"}
    found = sample(cell, Outcomes({Origin("measure", "made", "n"): pd.concat([lines, other])}))
    kept = lines[lines["psnr"].notna()]
    assert dict(zip(found.images, found.values, strict=True)) == dict(zip(kept["image"], kept["psnr"], strict=True))
    number = summarise(found)
    assert (number["value"], number["n"]) == (pytest.approx(np.nanmean(values), rel=1e-5), len(kept))
    half = 1.96 * kept["psnr"].std() / math.sqrt(len(kept))
    assert number["value"] - number["ci_low"] == pytest.approx(half, rel=0.25)
    assert number["ci_high"] - number["value"] == pytest.approx(half, rel=0.25)
    assert number == summarise(found), "the bootstrap draws alike each time"


@pytest.mark.parametrize("metric", GRADIENT_METRICS)
def test_a_gradients_measure_is_a_mean_over_the_images_that_have_a_gradient(metric: str) -> None:
    draw = np.random.default_rng(1)
    values = np.where(draw.random(40) < 0.8, draw.random(40), np.nan)
    lines = pd.DataFrame({"attack": "none", "source": "", "image": draw.permutation(40), metric: values})
    first, second = (Origin("gradient", "loss", target) for target in TARGETS[:2])
    frames = {first: lines, second: lines.assign(**{metric: 0.0})}
    cell = a_cell(metric, "")
    number = summarise(sample(cell, Outcomes(frames)))
    assert (number["value"], number["n"]) == (pytest.approx(np.nanmean(values), rel=1e-5), (~np.isnan(values)).sum())
    assert number["ci_low"] < number["value"] < number["ci_high"]
    line = compute_cells(
        {"exhibit": "e", "dataset": "d", "paper_dataset": "d", "scale": "demo", "cells": [cell]},
        frames,
        pd.DataFrame({"row": [], "column": [], "target": [], "attack": [], "value": []}),
        dict.fromkeys(frames, "digits"),
    ).iloc[0]
    assert (line["unit"], line["attack"], line["source"], line["value"]) == ("score", "none", "", number["value"])


def test_a_mean_of_few_images_has_no_interval_and_of_none_no_value() -> None:
    one = summarise(Sample(np.arange(1), np.array([7.0])))
    assert one == {"value": 7, "n": 1, "ci_low": None, "ci_high": None}
    assert summarise(Sample(np.arange(0), np.arange(0.0)))["value"] is None


def test_the_number_of_a_share_is_percent_and_of_a_median_six_digits() -> None:
    values = np.array([1.23456789e-6, 3e-6, 2e-6, 4e-6, 5e-6, 6e-6, 7e-6])
    median = summarise(Sample(np.arange(7), values, median=True))
    assert median == {"value": 4e-6, "n": 7, "ci_low": 1.23457e-6, "ci_high": 7e-6}
    assert median_interval(values) == (values[0], values[-1])
    share = summarise(Sample(np.arange(3), np.array([True, False, False])))
    assert (share["value"], share["n"]) == (33.3333, 3)
    assert share["ci_low"] < 33.3333 < share["ci_high"]


def test_a_median_of_few_images_has_no_interval_and_of_none_no_value() -> None:
    few = summarise(Sample(np.arange(5), np.arange(5.0), median=True))
    assert few == {"value": 2, "n": 5, "ci_low": None, "ci_high": None}
    empty = {"value": None, "n": 0, "ci_low": None, "ci_high": None}
    assert summarise(Sample(np.arange(0), np.arange(0.0), median=True)) == empty
    assert summarise(Sample(np.arange(0), np.zeros(0, dtype=bool))) == empty


# Whole tables ----------------------------------------------------------------------------------------------


def table(cells: list[dict[str, Any]], frames: Frames, printed: pd.DataFrame, **other: Any) -> pd.DataFrame:
    settings = {"exhibit": "table4", "dataset": "d", "paper_dataset": "d", "scale": "demo", "cells": cells} | other
    return compute_cells(settings, frames, printed, dict.fromkeys(frames, "digest"))


def the_printed(value: float, target: str | float = math.nan) -> pd.DataFrame:
    return pd.DataFrame([{"row": "r", "column": "c", "target": target, "attack": "a", "value": value}])


def test_companions_of_an_attack_with_failures_count_valid_examples_that_fool_the_source() -> None:
    source = "vgg19-standard-s0"
    frames = outcomes(3, source)
    made = frames[outcomes_of(TARGETS[0])].query("attack == 'a'")
    share = 100 * np.mean(made["valid"] & (made["source_adversarial"] != made["label"]))
    cells = table([a_cell(metric, source) for metric in METRICS], frames, the_printed(1)).set_index("metric")
    assert cells.loc["defense_rate", "fooled_source_share"] == pytest.approx(share, abs=1e-4)
    assert cells.loc["boundary_score", "fooled_source_share"] == pytest.approx(share, abs=1e-4)
    alive = made.query("valid")
    robust = 100 * np.mean(alive["adversarial"] == alive["label"])
    assert cells.loc["defense_rate", "robust_accuracy_all"] == pytest.approx(robust, abs=1e-4)
    others = cells.drop(index="defense_rate")
    assert others[["robust_accuracy_all", "sdr_common"]].isna().all(axis=None)
    assert pd.isna(cells.loc["test_accuracy", "fooled_source_share"])


def test_a_set_without_network_has_no_share_of_fooled_sources() -> None:
    frames = outcomes(4, "none")
    cells = table([a_cell("conditional_accuracy", "none"), a_cell("defense_rate", "none")], frames, the_printed(1))
    assert cells["fooled_source_share"].isna().all()
    assert cells["source"].tolist() == ["", ""]


def test_a_boundary_score_is_compared_in_its_own_unit() -> None:
    frames = outcomes(5, TARGETS[0])
    line = table([a_cell("boundary_score", TARGETS[0])], frames, the_printed(3.5e-5, "resnet18")).iloc[0]
    assert (line["unit"], line["source"], line["printed"]) == ("median_squared_l2_per_pixel", "self", 3.5e-5)
    assert line["difference"] == pytest.approx(line["value"] - 3.5e-5, rel=1e-5)
    assert 0 < line["ci_low"] <= line["value"] <= line["ci_high"] < 1


@pytest.mark.parametrize(("target", "found"), [(math.nan, True), ("", True), ("resnet18", True), ("vgg19", False)])
def test_a_printed_cell_without_target_belongs_to_its_row_and_column(target: str | float, found: bool) -> None:
    line = table([a_cell("defense_rate", TARGETS[1])], outcomes(6, TARGETS[1]), the_printed(50.0, target)).iloc[0]
    assert pd.notna(line["printed"]) == found


def test_the_paper_has_its_printed_targets_for_every_table(root: Path) -> None:
    """Table 8 alone names no target; there row and column are enough."""
    printed = pd.read_csv(root / "data/printed/defective.csv")
    assert set(printed.loc[printed["target"].isna(), "table"]) == {8}
    assert not printed[printed["table"] == 8].duplicated(["row", "column"]).any()


# Codes -----------------------------------------------------------------------------------------------------

ENSEMBLES = {
    "ensemble-except-vgg19": ["resnet18-standard-s0", "senet18-standard-s0"],
    "ensemble-en": ["resnet18-standard-s1", "resnet18-standard-s2"],
    "ensemble-x2": ["resnet18x2-bottom0.5-standard-s1m1", "resnet18x2-bottom0.5-standard-s2m2"],
}


@pytest.mark.parametrize(
    ("model", "source", "expected"),
    [
        ("resnet18-standard-s1", "vgg19-standard-s0", ("standard", "", "vgg19")),
        ("resnet18-standard-s1", "resnet18-standard-s1", ("standard", "", "self")),
        ("resnet18-bottom0.3-standard-s1m1", "ensemble-except-vgg19", ("bottom", "0.3", "ensemble_except_vgg19")),
        ("resnet18-bottom0.3-standard-s1m0", "resnet18-bottom0.3-standard-s0m0", ("bottom", "0.3", "bottom_0.3")),
        ("resnet18-bottom0.3-standard-s1m1", "resnet18-bottom0.5-standard-s0m0", ("bottom_dif", "0.3", "bottom_0.5")),
        ("resnet18-bottom0.3-standard-s1m1", "resnet18-bottom0.3-standard-s1m1", ("bottom", "0.3", "self")),
        ("resnet18-standard-s1", "resnet18-bottom0.3-standard-s0m0", ("standard", "", "bottom_0.3")),
        ("resnet18-dc0.3-standard-s1", "none", ("bottom_dc", "0.3", "")),
        ("resnet18-bottom0.7-top0.3-standard-s1m1", "", ("bottom+top", "0.7+0.3", "")),
        ("ensemble-en", "", ("standard_ensemble", "", "")),
        ("ensemble-x2", "vgg19-standard-s0", ("bottom_x2_ensemble", "0.5", "vgg19")),
    ],
)
def test_networks_have_the_codes_of_the_printed_tables(model: str, source: str, expected: tuple[str, ...]) -> None:
    cell = a_cell("defense_rate", source, model)
    found = cell_identity(cell, ENSEMBLES)
    assert (found["variant"], found["keep_prob"], found["source"]) == expected
    assert found["target"] == "resnet18"


@pytest.mark.parametrize(
    ("training", "keep", "code"),
    [
        ("standard", (), "standard"),
        ("sd", (), "standard_sd"),
        ("ls", (), "standard_ls"),
        ("at", (), "adversarial_training"),
        ("th16", (), "thermometer_16"),
        ("at", (("bottom", "0.5"),), "bottom_adversarial_training"),
        ("db", (("bottom", "0.5"),), "bottom_db"),
    ],
)
def test_a_training_shows_in_the_variant(
    monkeypatch: pytest.MonkeyPatch, training: str, keep: tuple[tuple[str, str], ...], code: str
) -> None:
    spec = ModelSpec("wrn32", training, 1, keep, mask_seed=1 if keep else None)
    monkeypatch.setattr("lacuna.language.codes.parse_model", lambda name: spec)
    assert variant_code("any", "", {}) == code
    assert source_code("any") == ("wrn32_4" if not keep else "bottom_0.5")


@pytest.mark.parametrize("change", [lambda f: f.sample(frac=1, random_state=1), lambda f: f.iloc[::-1]])
def test_the_order_of_outcomes_does_not_matter(change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    frames = outcomes(8, "none")
    moved = {key: change(frame) for key, frame in frames.items()}
    for metric in METRICS:
        cell = a_cell(metric, "none")
        assert summarise(sample(cell, Outcomes(frames))) == summarise(sample(cell, Outcomes(moved)))
