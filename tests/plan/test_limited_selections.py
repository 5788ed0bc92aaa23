"""Selections with limits of the foreground: what the plan says of them, what is refused, and what exhibits say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from refusing import DATASETS, DEMO, drop, put, refusal

from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, write_frame
from lacuna.plan.plan import Plan
from lacuna.plan.shown import limited_selections
from lacuna.reporting.left_out import left_out_sentences

if TYPE_CHECKING:
    from projects import Project

DUAL, SUBSET = "config/papers/dual.yaml", "fashion-mnist-subset"
LIMITS = {"at_least": 0.01, "at_most": 0.99}
SELECTED, MASKED = (f"results/demo/{SUBSET}/{name}" for name in ("select/dual.csv", "foreground/test.safetensors"))


def test_the_selection_reads_the_foreground_and_exhibits_read_the_selection(project: Project) -> None:
    for name in ("dual", "dual_few"):
        project.edit(DUAL, drop(f"selections.{name}.foreground"))
    before = Plan(project.load())
    project.edit(DUAL, put("selections.dual.foreground", LIMITS))
    plan = Plan(project.load())
    for one, inputs in ((before, []), (plan, [MASKED])):
        assert one.stages["select"].inputs(SUBSET, "dual")["foreground"] == inputs
        assert one.stages["select"].inputs(SUBSET, "dual_few")["foreground"] == []
    settings = plan.stages["select"].settings(SUBSET, "dual")
    assert settings == {**before.stages["select"].settings(SUBSET, "dual"), "foreground": LIMITS}
    for kind, name, uses in (
        ("table", "dual-controls", True), ("figure", "dual-figure4", True), ("figure", "dual-figure2", True),
        ("table", "dual-cw", False), ("figure", "dual-masks", False), ("table", "table3", False),
    ):  # fmt: skip
        found: Any = limited_selections(plan.known, kind, name)  # type: ignore[arg-type]
        assert found == ([SELECTED] if uses else []), name
        read = plan.stages[kind].inputs(SUBSET, name).get("selections", [])
        assert read == found
    order = [artefact.path for artefact in plan.inventory.artefacts("dual-controls")]
    assert order.index(MASKED) < order.index(SELECTED)
    assert MASKED not in {artefact.path for artefact in before.inventory.chain(SELECTED)}


def test_the_same_attack_on_a_selection_without_limits_stands_beside_it(project: Project) -> None:
    def change(content: Any) -> None:
        column = {"column": "dual", "metric": "adversarial_accuracy", "suite": "dual_every", "attack": "dual_every"}
        rows = content["tables"]["dual-controls"]["rows"]
        table = {"title": "Every image", "dataset": "imagenet10", "columns": [column | {"source": "self"}]}
        content["tables"]["dual-every"] = table | {"rows": rows}

    project.edit(DUAL, change)
    plan = Plan(project.load())
    assert limited_selections(plan.known, "table", "dual-every") == []
    assert limited_selections(plan.known, "table", "dual-controls") == [SELECTED]


@pytest.mark.parametrize(
    ("limits", "key", "says"),
    [
        ({"at_least": 0.5, "at_most": 0.4}, "foreground.at_least", "0.5 is not allowed; allowed: at most 0.4"),
        ({"at_least": 1}, "", ""),
        ({"at_least": 1.5}, "foreground.at_least", "a number from 0 to 1, a share of the image"),
        ({"at_most": -0.1}, "foreground.at_most", "a number from 0 to 1, a share of the image"),
        ({"at_most": "1 %"}, "foreground.at_most", "a number from 0 to 1, a share of the image"),
        ({"under": 0.5}, "foreground.under", "allowed: at_least, at_most"),
        ({}, "foreground", "at_least, at_most or both"),
    ],
)  # fmt: skip
def test_limits_that_cannot_be_are_refused(project: Project, limits: dict[str, Any], key: str, says: str) -> None:
    project.edit(DUAL, put("selections.dual.foreground", limits))
    if not key:
        project.load()
        return
    sentence = refusal(project)
    assert f"selections.dual.{key}" in sentence
    assert says in sentence


def test_a_dataset_without_a_foreground_has_no_such_limits(project: Project) -> None:
    defective = "config/papers/defective.yaml"
    project.edit(defective, put("selections.transfer.foreground", LIMITS))
    project.edit(DATASETS, put("plain", {}))
    project.edit(DATASETS, lambda content: content.update(plain={**content[SUBSET]}))
    project.edit(DATASETS, drop("plain.foreground"))
    project.edit(DEMO, lambda content: content["recipes"].update(plain=content["recipes"][SUBSET]))
    project.edit(DEMO, put("datasets.cifar10", "plain"))
    sentence = refusal(project)
    assert f"{defective}, key selections.transfer.foreground: plain has no foreground; allowed: without it" in sentence


# The sentence -------------------------------------------------------------------------------------------------------


def selection(path: Path, limits: dict[str, float], left_out: int) -> str:
    record = Record("select", json.dumps({"foreground": limits}))
    record.facts["foreground"] = {"left_out": left_out, "images": 500}
    write_frame(str(path), pd.DataFrame({"image": [0], "label": [0]}), record)
    return str(path)


@pytest.mark.parametrize(
    ("limits", "words"),
    [(LIMITS, "under 1 % or over 99 %"), ({"at_least": 0.025}, "under 2.5 %"), ({"at_most": 0.5}, "over 50 %")],
)
def test_the_sentence_counts_what_is_left_out(tmp_path: Path, limits: dict[str, float], words: str) -> None:
    path = selection(tmp_path / "dual.csv", limits, 12)
    [sentence] = left_out_sentences([path, path])
    assert sentence.startswith("Attacks leave out 12 of 500 test images, for all networks alike")
    assert f"is {words} of the image" in sentence


def test_there_is_no_sentence_where_no_image_is_left_out(tmp_path: Path) -> None:
    assert left_out_sentences([selection(tmp_path / "dual.csv", LIMITS, 0)]) == []


def test_a_changed_record_is_refused(tmp_path: Path) -> None:
    path = Path(selection(tmp_path / "dual.csv", LIMITS, 12))
    record = path.with_name("dual.csv.prov.json")
    record.write_text(record.read_text().replace('"left_out": 12', '"left_out": 2'))
    with pytest.raises(LacunaError, match="was changed since it was written"):
        left_out_sentences([str(path)])
