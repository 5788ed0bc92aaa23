"""What finished files would be made again is counted from the plan and the records, in the order of the flow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from refusing import DEFECTIVE, DEMO

from lacuna.files.artefacts import provenance_path
from lacuna.plan.again import made_again
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

ORDER = ("dataset", "train", "select", "attack", "evaluate", "cells")


def finished(plan: Plan) -> dict[str, int]:
    """How many files of each stage are there."""
    found = [artefact.stage for artefact in plan.inventory.artefacts("table3") if Path(artefact.path).is_file()]
    return {stage: found.count(stage) for stage in ORDER}


@pytest.mark.parametrize("stage", ORDER[3:])
def test_a_changed_part_of_the_code_takes_what_follows_with_it(made: Project, stage: str) -> None:
    plan = Plan(made.load())
    again = made_again(plan, ["table3"], {stage: [f"src/lacuna/{stage}.py"], "claims": ["src/lacuna/other.py"]})
    there = finished(plan)
    assert again.files == sum(there[name] for name in ORDER[ORDER.index(stage) :]) > 0
    assert again.modules == {f"src/lacuna/{stage}.py"}
    assert not again.settings


def test_nothing_changed_is_no_sentence_and_unreadable_records_are_no_change(made: Project) -> None:
    plan = Plan(made.load())
    assert str(made_again(plan, [], {})) == ""
    for artefact in plan.inventory.artefacts("table3"):
        provenance_path(artefact.path).write_text("[" * 3000)
    assert str(made_again(plan, ["table3"], {})) == ""


def test_other_settings_name_the_stage_and_take_what_follows(made: Project) -> None:
    made.rewrite(DEFECTIVE, lambda text: text.replace("epsilon: 16/255", "epsilon: 8/255"))
    plan = Plan(made.load())
    again = made_again(plan, ["table3"], {})
    assert "attack" in again.settings
    assert "train" not in again.settings
    assert again.files >= finished(plan)["cells"] + finished(plan)["evaluate"] > 1


def test_hours_are_those_of_the_records_once_for_each_job(made: Project) -> None:
    plan = Plan(made.load())
    paths = [artefact.path for artefact in plan.inventory.artefacts("table3") if Path(artefact.path).is_file()]
    for path in paths:
        record = json.loads(provenance_path(path).read_text())
        record["volatile"]["seconds"] = 3600
        provenance_path(path).write_text(json.dumps(record))
    again = made_again(plan, ["table3"], {"cells": ["src/lacuna/numbers/cells.py"]})
    assert str(again).startswith(
        "Made again: 1 finished file, which took 1 h 00 min, since src/lacuna/numbers/cells.py"
    )


def test_the_sentence_names_three_reasons_and_counts_the_rest(made: Project) -> None:
    made.rewrite(DEMO, lambda text: text.replace("learning_rate: 0.01", "learning_rate: 0.02"))
    changed = {"cells": [f"src/lacuna/numbers/{name}.py" for name in "abcd"]}
    assert ", src/lacuna/numbers/c.py and " in str(made_again(Plan(made.load()), ["table3"], changed))
