"""A selection of images that its networks are sure about: what the plan says of it, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lacuna.config.load import load
from lacuna.errors import LacunaError
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from pathlib import Path

    from projects import Project

DEFECTIVE = "config/papers/defective.yaml"


@pytest.mark.parametrize("confidence", [0.99, 0.5, 0.999])
def test_the_confidence_is_a_setting_of_its_selection_alone(table3: Project, confidence: float) -> None:
    before = Plan(table3.load())
    (dataset,) = {before.lookup.dataset_of("table3")}
    assert "confidence" not in before.stages["select"].settings(dataset, "transfer")
    table3.edit(DEFECTIVE, lambda content: content["selections"]["transfer"].update(confidence=confidence))
    after = Plan(table3.load())
    settings = after.stages["select"].settings(dataset, "transfer")
    assert settings == {**before.stages["select"].settings(dataset, "transfer"), "confidence": confidence}
    trained = {"dataset": dataset, "model": "vgg19-standard-s0"}
    assert after.stages["train"].canonical(**trained) == before.stages["train"].canonical(**trained)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"confidence": 1}, "a number in .0, 1."), ({"confidence": 0}, "a number in .0, 1."),
     ({"confidence": "high"}, "a number in .0, 1."), ({"confidence": 99}, "a number in .0, 1.")],
)  # fmt: skip
def test_a_confidence_outside_of_0_and_1_is_refused(table3: Project, change: dict[str, Any], said: str) -> None:
    table3.edit(DEFECTIVE, lambda content: content["selections"]["transfer"].update(change))
    with pytest.raises(LacunaError, match=rf"selections\.transfer\.confidence.*{said}"):
        table3.load()


@pytest.mark.parametrize("rule", ["all", "right_on_source"])
def test_a_selection_without_sources_of_its_own_takes_no_confidence(table3: Project, rule: str) -> None:
    table3.edit(DEFECTIVE, lambda content: content["selections"].update(transfer={"rule": rule, "confidence": 0.99}))
    with pytest.raises(
        LacunaError, match=r"selections\.transfer.*right_on_all_sources with sources \(and confidence\)"
    ):
        table3.load()


# The released program's pair --------------------------------------------------------------------------------------


def test_the_released_pair_is_torchvisions_network_and_the_defective_one_on_4000_images_at_most(root: Path) -> None:
    plan = Plan(load(root, {"scale": "paper", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}))
    settings = plan.stages["select"].settings("imagenet", "transformed_sure")
    assert (settings["images"], settings["confidence"]) == (4000, 0.99)
    standard, defective = settings["networks"]
    assert standard["training"] == {"pretrained": "IMAGENET1K_V1", "head": "kept"}
    assert "stem" not in standard
    assert defective["stem"] == "quarter"
    assert plan.networks.seconds("imagenet", standard["model"]) == 0
    cells = plan.lookup.cells("defective-released")
    pair = standard["model"], defective["model"]
    assert {cell.pair for cell in cells} == {pair, pair[::-1]}
    assert all(cell.pair[0] == cell.model for cell in cells)
    attacks = {
        artefact.path for artefact in plan.inventory.artefacts("defective-released") if artefact.stage == "attack"
    }
    assert len(attacks) == 2


@pytest.mark.parametrize("table", ["table1", "table11"])
def test_tables_1_and_11_have_pairs_of_one_recipe_on_all_images(root: Path, table: str) -> None:
    for scale in ("demo", "paper"):
        plan = Plan(load(root, {"scale": scale, "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}))
        assert {cell.model.split("-")[-2] for cell in plan.lookup.cells(table)} == {"standard"}
        assert "confidence" not in plan.stages["select"].settings(plan.lookup.dataset_of(table), "transformed")
