"""The numbers of a table, against a second implementation that only counts, and against the printed table."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from asking import exhibit_settings

from lacuna.config.load import load
from lacuna.language.codes import Origin, origin_of, source_code
from lacuna.numbers.cells import CELL_COLUMNS, compute_cells
from lacuna.numbers.statistics import rank_correlation, wilson
from lacuna.plan.plan import Plan

Frames = dict[Origin, pd.DataFrame]
Records = dict[Origin, list[dict[Any, Any]]]
DOCUMENTED = (
    "exhibit,row,column,target,keep_prob,variant,source,attack,metric,value,unit,n,ci_low,ci_high,printed,difference,"
    "robust_accuracy_all,sdr_common,fooled_source_share,dataset,scale,seeds,provenance"
)
COMPANIONS = ("robust_accuracy_all", "sdr_common", "fooled_source_share")
CHOSEN = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
TESTED, ATTACKED, CLASSES = 60, 30, 3


@pytest.fixture(scope="session")
def settings(root: Path) -> dict[str, Any]:
    """Settings of the rule cells for Table 3 at the demo scale."""
    return dict(exhibit_settings(Plan(load(root, CHOSEN)), "cells", "table3"))


@pytest.fixture(scope="session")
def printed(root: Path) -> pd.DataFrame:
    """The printed Table 3."""
    whole = pd.read_csv(root / "data/printed/defective.csv")
    return whole[whole["table"] == 3].reset_index(drop=True)


def frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """An outcome frame with the columns and types of the artefact."""
    names = ["attack", "source", "image", "label", "clean", "adversarial", "source_clean", "source_adversarial"]
    outcomes = pd.DataFrame(rows, columns=names).assign(valid=True, distance=np.float32(0))
    return outcomes.astype({"attack": "category", "source": "category"})


def random_outcomes(settings: dict[str, Any], seed: int, skill: float = 0.7) -> Frames:
    """Outcomes of every target; targets and sources are right with probability ``skill``."""
    draw = np.random.default_rng(seed)
    cells = settings["cells"]
    label = draw.integers(CLASSES, size=TESTED)
    sets = {}
    for cell in cells:
        if cell["source"]:
            image = draw.permutation(TESTED)[:ATTACKED]  # each source's list in an order of its own
            answers = draw.integers(CLASSES, size=ATTACKED)
            sets.setdefault((cell["attack"], cell["source"]), list(zip(image, answers, strict=True)))
    outcomes = {}
    for key in dict.fromkeys(origin_of(cell) for cell in cells):
        clean = np.where(draw.random(TESTED) < skill, label, draw.integers(CLASSES, size=TESTED))
        rows: list[tuple[Any, ...]] = [("none", "", i, label[i], clean[i], clean[i], -1, -1) for i in range(TESTED)]
        for (attack, source), images in sets.items():
            for i, answer in images:
                adversarial, source_clean = draw.integers(CLASSES, size=2)
                rows.append((attack, source, i, label[i], clean[i], adversarial, source_clean, answer))
        outcomes[key] = frame(rows)
    return outcomes


def digests(outcomes: Frames) -> dict[Origin, str]:
    return {origin: f"{origin.group}/{origin.name}" for origin in outcomes}


def share(hits: int, n: int) -> float | None:
    return 100 * hits / n if n else None


def counted(cell: dict[str, str], outcomes: Records) -> dict[str, Any]:
    """One cell by counting image after image, as the paper's text describes it."""
    mine = outcomes[origin_of(cell)]
    own = {r["image"]: r for r in mine if r["attack"] == "none"}
    if cell["metric"] == "test_accuracy":
        hits = sum(1 for r in own.values() if r["clean"] == r["label"])
        return {"value": share(hits, len(own)), "n": len(own)} | dict.fromkeys(COMPANIONS)
    common = set(own)
    for other in outcomes.values():
        for r in other:
            if r["attack"] == "none" and r["clean"] != r["label"]:
                common.discard(r["image"])
    n = hits = n_common = hits_common = fooled = robust = attacked = 0
    for r in mine:
        if (r["attack"], r["source"]) != (cell["attack"], cell["source"]):
            continue
        attacked += 1
        robust += r["adversarial"] == r["label"]
        if r["source_adversarial"] == r["label"]:
            continue
        fooled += 1
        if own[r["image"]]["clean"] == r["label"]:
            n += 1
            hits += r["adversarial"] == r["label"]
        if r["image"] in common:
            n_common += 1
            hits_common += r["adversarial"] == r["label"]
    return {
        "value": share(hits, n),
        "n": n,
        "robust_accuracy_all": share(robust, attacked),
        "sdr_common": share(hits_common, n_common),
        "fooled_source_share": share(fooled, attacked),
    }


def number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


# With skill 0 hardly any image is right on all 15 networks; with 0.97 the common images are many.
@pytest.mark.parametrize(("seed", "skill"), [(0, 0.7), (1, 0.97), (2, 0.97), (3, 0.0), (4, 1.0)])
def test_every_cell_equals_a_literal_count(
    settings: dict[str, Any], printed: pd.DataFrame, seed: int, skill: float
) -> None:
    outcomes = random_outcomes(settings, seed, skill)
    cells = compute_cells(settings, outcomes, printed, digests(outcomes))
    assert len(cells) == 90
    records = {key: value.to_dict("records") for key, value in outcomes.items()}
    for cell, line in zip(settings["cells"], cells.to_dict("records"), strict=True):
        expected = counted(cell, records)
        for name in ("value", "n", *COMPANIONS):
            assert number(line[name]) == pytest.approx(expected[name], abs=1e-4), (cell, name)
        assert (line["row"], line["column"], line["metric"]) == (cell["row"], cell["column"], cell["metric"])
        assert line["provenance"] == f"{cell['suite']}/{cell['model']}"


SHUFFLES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "shuffled": lambda frame: frame.sample(frac=1, random_state=3),
    "shuffled and renumbered": lambda frame: frame.sample(frac=1, random_state=4).reset_index(drop=True),
    "reversed": lambda frame: frame.iloc[::-1],
    "plain text columns": lambda frame: frame.astype({"attack": str, "source": str}),
}


@pytest.mark.parametrize("change", SHUFFLES.values(), ids=SHUFFLES)
def test_images_are_joined_by_id_and_not_by_position(
    settings: dict[str, Any], printed: pd.DataFrame, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    outcomes = random_outcomes(settings, 5, 0.97)
    moved = {key: change(value) if i % 2 else value for i, (key, value) in enumerate(outcomes.items())}
    cells, other = (compute_cells(settings, o, printed, digests(o)) for o in (outcomes, moved))
    assert cells["sdr_common"].notna().any()
    pd.testing.assert_frame_equal(cells, other)


S, T, U = "vgg19-standard-s0", "vgg19-standard-s1", "resnet18-bottom0.5-standard-s1m1"


def small(adversarial: list[int], clean: list[int], other_clean: list[int]) -> tuple[dict[str, Any], Frames]:
    """Two targets, six test images labelled 0; images 5 to 1 are attacked, image 1 does not fool the source."""
    attack = {"suite": "p", "attack": "a", "source": S, "metric": "defense_rate", "row": "r", "column": "c"}
    accuracy = attack | {"attack": "none", "source": "", "metric": "test_accuracy", "column": "t"}
    models = ({"model": model, "target": model, "defense": ""} for model in (T, U))
    cells = [cell | model for model in models for cell in (attack, accuracy)]
    outcomes = {}
    for model, right in ((T, clean), (U, other_clean)):
        rows: list[tuple[Any, ...]] = [("none", "", i, 0, right[i], right[i], -1, -1) for i in range(6)]
        rows += [("a", S, i, 0, right[i], adversarial[i], 0, int(i != 1)) for i in (5, 4, 3, 2, 1)]
        outcomes[Origin("evaluate", "p", model)] = frame(rows)
    return {"exhibit": "e", "dataset": "d", "paper_dataset": "cifar10", "scale": "demo", "cells": cells}, outcomes


def test_a_small_table_has_the_numbers_counted_by_hand(printed: pd.DataFrame) -> None:
    # adversarial images 2 and 5 and the unfooled 1 are labelled right; image 5 is wrong when clean for T, 3 for U
    settings, outcomes = small([9, 0, 0, 1, 1, 0], clean=[0, 0, 0, 0, 0, 1], other_clean=[1, 0, 0, 1, 0, 0])
    cells = compute_cells(settings, outcomes, printed.iloc[:0], digests(outcomes)).set_index(["target", "column"])
    attacked, tested = cells.loc[("vgg19", "c")], cells.loc[("vgg19", "t")]
    assert (attacked["n"], attacked["value"]) == (3, pytest.approx(100 / 3, abs=1e-4))  # 2 of 2, 3, 4
    assert attacked["sdr_common"] == 50  # of 2 and 4, which both targets get right, 2 survives
    assert attacked["robust_accuracy_all"] == 60  # 1, 2, 5 of five
    assert attacked["fooled_source_share"] == 80
    assert (tested["n"], tested["value"]) == (6, pytest.approx(500 / 6, abs=1e-4))
    other = cells.loc[("resnet18", "c")]
    assert (other["n"], other["value"]) == (3, pytest.approx(200 / 3, abs=1e-4))  # 2 and 5 of 2, 4, 5


def test_a_cell_over_no_image_is_empty_in_the_file(printed: pd.DataFrame) -> None:
    settings, outcomes = small([0] * 6, clean=[1] * 6, other_clean=[0] * 6)
    cells = compute_cells(settings, outcomes, printed.iloc[:0], digests(outcomes))
    text = cells.to_csv(index=False)
    first = dict(zip(*(line.split(",") for line in text.splitlines()[:2]), strict=True))
    assert first["n"] == "0"
    assert (first["value"], first["ci_low"], first["ci_high"], first["sdr_common"]) == ("", "", "", "")
    assert first["robust_accuracy_all"] == "100.0"
    assert "nan" not in ",".join(text.splitlines()[1:]).lower().split(",")


def test_columns_are_those_documented_and_in_their_order(settings: dict[str, Any], printed: pd.DataFrame) -> None:
    outcomes = random_outcomes(settings, 6)
    cells = compute_cells(settings, outcomes, printed, digests(outcomes))
    assert cells.to_csv(index=False).splitlines()[0] == DOCUMENTED == ",".join(CELL_COLUMNS)
    assert set(cells["unit"]) == {"percent"}
    assert (set(cells["exhibit"]), set(cells["scale"])) == ({"table3"}, {"demo"})
    assert set(cells["dataset"]) == {"fashion-mnist-subset"}
    assert (cells["ci_low"].le(cells["value"]) & cells["value"].le(cells["ci_high"]) | cells["value"].isna()).all()


def test_all_printed_values_arrive_beside_their_cells(settings: dict[str, Any], printed: pd.DataFrame) -> None:
    outcomes = random_outcomes(settings, 7)
    cells = compute_cells(settings, outcomes, printed.sample(frac=1, random_state=0), digests(outcomes))
    assert cells["printed"].tolist() == printed["value"].tolist()
    codes = ["row", "column", "target", "keep_prob", "variant", "source", "attack", "metric"]
    written = pd.read_csv(io.StringIO(cells.to_csv(index=False)))
    pd.testing.assert_frame_equal(written[codes], printed[codes].astype({"keep_prob": float}))


def with_(settings: dict[str, Any], **other: Any) -> dict[str, Any]:
    """The settings at another scale's dataset, or with another attack in every cell that has one."""
    attack = other.pop("attack", None)
    cells = [cell | {"attack": attack} if attack and cell["source"] else cell for cell in settings["cells"]]
    return settings | other | {"cells": cells}


@pytest.mark.parametrize(
    ("other", "compared"),
    [
        ({}, set()),
        ({"dataset": "mnist"}, set()),
        ({"attack": "pgd_e8_a1_t20"}, set()),
        ({"dataset": "cifar10"}, {"defense_rate", "test_accuracy"}),
        ({"dataset": "cifar10", "attack": "pgd_e8_a1_t20"}, {"test_accuracy"}),
    ],
    ids=["demo", "other dataset", "other attack", "as in the paper", "dataset of the paper, other attack"],
)
def test_a_difference_is_given_only_where_dataset_and_attack_are_the_papers(
    settings: dict[str, Any], printed: pd.DataFrame, other: dict[str, Any], compared: set[str]
) -> None:
    settings = with_(settings, **other)
    outcomes = random_outcomes(settings, 8)
    cells = compute_cells(settings, outcomes, printed, digests(outcomes))
    assert cells["printed"].notna().all()
    expected = (cells["value"] - cells["printed"]).where(cells["metric"].isin(compared))
    assert expected.notna().sum() == 75 * ("defense_rate" in compared) + 15 * ("test_accuracy" in compared)
    np.testing.assert_allclose(cells["difference"].astype(float), expected, atol=1e-9)


def test_a_row_the_paper_does_not_have_has_no_printed_value(settings: dict[str, Any], printed: pd.DataFrame) -> None:
    settings = with_(settings, dataset="cifar10")
    outcomes = random_outcomes(settings, 9)
    cells = compute_cells(settings, outcomes, printed[printed["row"] != "ResNet-50"], digests(outcomes))
    own = cells["row"] == "ResNet-50"
    assert own.sum() == 6
    assert cells.loc[own, ["printed", "difference"]].isna().all(axis=None)
    assert cells.loc[own, "value"].notna().all()
    assert cells.loc[~own, "printed"].notna().all()


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("", ""),
        ("vgg19-standard-s0", "vgg19"),
        ("resnet18-bottom0.5-standard-s0m0", "bottom_0.5"),
        ("resnet18-bottom0.3-standard-s0m0", "bottom_0.3"),
        ("own-mine", "own-mine"),
    ],
)
def test_sources_are_coded_as_in_the_printed_tables(source: str, code: str) -> None:
    assert source_code(source) == code


@pytest.mark.parametrize("n", [1, 2, 7, 30, 500, 5000])
def test_the_interval_is_wilsons_closed_formula(n: int) -> None:
    z = 1.959963984540054  # the 97.5 % point of the normal distribution
    for k in sorted({0, 1, n // 3, n // 2, n - 1, n}):
        p = k / n
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        assert wilson(k, n) == pytest.approx((middle - half, middle + half), abs=1e-12)


def test_the_interval_of_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        wilson(0, 0)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([1, 2, 3], [10, 20, 90], 1),
        ([3, 2, 1], [10, 20, 90], -1),
        ([1, 2, 3, 4], [1, 3, 2, 4], 0.8),
        ([1, 1, 1], [1, 2, 3], math.nan),
        ([1, 2, 3], [5, 5, 5], math.nan),
        ([1], [1], math.nan),
        ([], [], math.nan),
    ],
)
def test_rank_correlation_is_spearmans(ours: list[float], theirs: list[float], expected: float) -> None:
    assert rank_correlation(ours, theirs) == pytest.approx(expected, nan_ok=True)
