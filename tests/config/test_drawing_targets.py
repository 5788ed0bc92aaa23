"""Targets that draw, and attacks through a defense: what an entry may say, and what is planned of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from refusing import DEFECTIVE, Change, put, refusal

from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

MODEL, NET = "resnet18-standard-s1", "own-mine"
BUDGET = {"epsilon": "8/255", "step": "2/255", "steps": 4}


def written(content: Any, draws: int | None = 5) -> None:
    """A row with a defense, a network that draws, and columns of the white box with and without the defense."""
    drawing = {} if draws is None else {"draws": draws}
    content.setdefault("defenses", {})["jitter"] = {"function": "mine:jitter", **drawing}
    content["networks"] = {NET: {"factory": "mine:build", "checkpoint": "mine.pt", "draws": 3}}
    content["selections"]["every"] = {"rule": "right_on_source", "images": 10}
    content["attacks"]["white"] = {"method": "pgd", "selection": "every", "budgets": [dict(BUDGET)]}
    content["suites"]["white"] = {"attacks": ["white"], "sources": ["self", "defended"]}
    table = content["tables"]["table3"]
    cell = {"metric": "adversarial_accuracy", "suite": "white"}
    table["columns"] = [{"column": source, "source": source, **cell} for source in ("self", "defended")]
    table["rows"] = [
        {"row": "jittered", "model": MODEL, "defense": "jitter"},
        {"row": "bare", "model": MODEL},
        {"row": "mine", "model": NET, "defense": "jitter"},
    ]


@pytest.fixture
def plan(project: Project) -> Plan:
    project.edit(DEFECTIVE, written)
    return Plan(project.load())


def settings(plan: Plan, stage: str, **wildcards: str) -> dict[str, Any]:
    place = plan.lookup.dataset_of("table3")
    return dict(json.loads(plan.stages[stage].canonical(dataset=place, **wildcards)))


def test_an_attack_through_the_defense_is_another_set_than_one_on_the_network(plan: Plan) -> None:
    cells = {(cell.row, cell.column): cell for cell in plan.lookup.cells("table3")}
    assert cells["jittered", "self"].source == MODEL
    assert cells["jittered", "defended"].source == f"{MODEL}--jitter"
    assert cells["bare", "defended"].source == MODEL
    through = settings(plan, "attack", attack="white", source=f"{MODEL}--jitter")
    bare = settings(plan, "attack", attack="white", source=MODEL)
    assert (through["defense"], through["draws"]) == ({"function": "mine:jitter", "draws": 5}, 5)
    assert not {"defense", "draws"} & bare.keys()
    assert through["network"] == bare["network"]
    inputs = [
        plan.stages["attack"].inputs(dataset=plan.lookup.dataset_of("table3"), attack="white", source=source)
        for source in (MODEL, f"{MODEL}--jitter")
    ]
    assert inputs[0] == inputs[1]  # one selection, by the network alone
    evaluated = plan.stages["evaluate"].inputs(
        dataset=plan.lookup.dataset_of("table3"), suite="white", target=f"{MODEL}--jitter"
    )
    assert [path.rpartition("/")[2] for path in evaluated["adversarial"]] == [
        f"{MODEL}.safetensors",
        f"{MODEL}--jitter.safetensors",
    ]


def test_a_target_is_asked_as_often_as_its_entry_says(plan: Plan) -> None:
    assert settings(plan, "evaluate", suite="white", target=f"{MODEL}--jitter")["draws"] == 5
    assert settings(plan, "evaluate", suite="white", target=NET)["draws"] == 3
    assert settings(plan, "evaluate", suite="white", target=f"{NET}--jitter")["draws"] == 5
    assert settings(plan, "attack", attack="white", source=NET)["draws"] == 3
    assert "draws" not in settings(plan, "evaluate", suite="white", target=MODEL)
    assert "draws" not in settings(plan, "adopt", model=NET)


def test_the_code_of_the_defense_decides_the_set_that_is_made_through_it(plan: Plan) -> None:
    place = plan.lookup.dataset_of("table3")
    assert plan.stages["attack"].code(dataset=place, attack="white", source=f"{MODEL}--jitter") == plan.stages[
        "attack"
    ].code(dataset=place, attack="white", source=MODEL)


def smoothed(content: Any) -> None:
    written(content)
    content["defenses"]["jitter"] = {"smoothing": {"sigma": 0.1, "n0": 10, "n": 100, "alpha": 0.01}}


def changed(*keys: tuple[str, Any]) -> Change:
    def change(content: Any) -> None:
        written(content)
        for key, value in keys:
            put(key, value)(content)

    return change


REFUSED: list[tuple[Change, str, str]] = [
    (changed(("defenses.jitter.draws", 1)), "defenses.jitter.draws", "an integer of at least 2"),
    (changed(("defenses.jitter.draws", "20")), "defenses.jitter.draws", "an integer of at least 2"),
    (changed(("networks.own-mine.draws", 0)), "networks.own-mine.draws", "an integer of at least 2"),
    (changed(("selections.every.sources", ["defended"])), "selections.every", "rule"),
    (changed(("tables.table3.rows[1].model", "defended")), "tables.table3.rows[1].model", "'defended' is not allowed"),
    (smoothed, "tables.table3.columns[1].source", "a smoothed network gives no gradient; allowed: self"),
]


@pytest.mark.parametrize(("change", "key", "allowed"), REFUSED)
def test_what_cannot_be_is_refused(project: Project, change: Change, key: str, allowed: str) -> None:
    project.edit(DEFECTIVE, change)
    sentence = refusal(project)
    assert key in sentence
    assert allowed in sentence
