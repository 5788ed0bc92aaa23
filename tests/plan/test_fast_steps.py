"""What fast: true reaches: the trainings and attacks that can be, and nothing else. Without it nothing changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from test_plan import CHOSEN, DATASET, DEFECTIVE, changed

from lacuna.config.load import load
from lacuna.errors import LacunaError
from lacuna.language.attacks import METHODS
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project


def test_the_reference_leaves_no_trace_and_fast_steps_are_about_trainings_and_attacks(root: Path) -> None:
    plans = [Plan(load(root, CHOSEN | chosen)) for chosen in ({}, {"fast": "false"}, {"fast": "true"})]
    assert changed(plans[0], plans[1]) == set()
    assert changed(plans[1], plans[2]) == {"train", "attack"}


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_steps_are_fast_where_they_can_be(root: Path, scale: str) -> None:
    seen = set()
    for artefact in Plan(load(root, CHOSEN | {"scale": scale, "fast": True})).inventory.artefacts():
        settings = json.loads(artefact.settings)
        if artefact.stage == "train":
            able = settings["recipe"]["epochs"] > 0
        else:  # a source that is defended or draws is asked as it is
            able = artefact.stage == "attack" and METHODS[settings["method"]].fast
            able = able and not {"defense", "draws"} & settings.keys()
        assert settings.get("fast", False) is able, artefact.path
        seen.add((artefact.stage, able))
    assert seen >= {("train", True), ("attack", True), ("attack", False), ("select", False), ("evaluate", False)}


def test_a_network_of_the_users_own_is_attacked_as_it_is(project: Project) -> None:
    own = {"own-mine": {"factory": "mine:net", "checkpoint": "mine.pt"}}
    project.edit(DEFECTIVE, lambda content: content.setdefault("networks", {}).update(own))
    attack = Plan(load(project.root, CHOSEN | {"fast": True})).stages["attack"]
    sources = ("resnet18-standard-s0", "own-mine")
    assert [attack.settings(DATASET, "pgd16", source).get("fast") for source in sources] == [True, None]


@pytest.mark.parametrize("said", ["maybe", "yes", 1, "bfloat16", None])
def test_fast_is_true_or_false(root: Path, said: object) -> None:
    with pytest.raises(LacunaError, match=r"^config/config\.yaml or --config, key fast: .* true or false"):
        load(root, CHOSEN | {"fast": said})
