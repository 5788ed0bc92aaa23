"""The scales that come along, as they are."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from refusing import drop, put, refusal

from lacuna.config.load import load
from lacuna.errors import LacunaError
from lacuna.language.models import ARCHITECTURES
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from projects import Project


@pytest.mark.parametrize("scale", ["demo", "laptop", "paper"])
@pytest.mark.parametrize("mask_place", ["released_code", "paper"])
def test_every_scale_loads(project: Project, scale: str, mask_place: str) -> None:
    config = project.load(scale=scale, seed=3, mask_place=mask_place)
    assert (config.scale, config.seed, config.mask_place) == (scale, 3, mask_place)
    assert set(config.settings["throughput"]) >= set(ARCHITECTURES)
    assert "table3" in config.papers["defective"]["tables"]


def test_a_scale_needs_no_throughput_of_an_architecture_that_nothing_uses(table3: Project) -> None:
    table3.edit("config/scales/demo.yaml", lambda content: content["throughput"].pop("wrn32"))
    plan = Plan(table3.load())
    assert plan.networks.pass_seconds("fashion-mnist-subset", "resnet18-standard-s1") > 0
    with pytest.raises(LacunaError, match=r"^config/scales/demo.yaml: key throughput.wrn32 is missing; required: "):
        plan.networks.pass_seconds("fashion-mnist-subset", "wrn32-standard-s1")


def test_the_default_is_the_demo_on_embedded_data(project: Project) -> None:
    config = project.load()
    assert (config.scale, config.mask_place) == ("demo", "released_code")
    assert set(config.settings["datasets"].values()) == {"fashion-mnist-subset", "photographs"}


def test_the_paper_scale_is_the_recipe_of_the_paper(project: Project) -> None:
    settings = project.load(scale="paper").settings
    assert Fraction(settings["width"]) == 1
    assert settings["images"]["transfer"] == 5000
    assert settings["datasets"]["cifar10"] == "cifar10"
    recipe = settings["recipes"]["cifar10"]
    assert (recipe["epochs"], recipe["batch_size"]) == (350, 128)
    assert (recipe["learning_rate"], recipe["momentum"], recipe["weight_decay"]) == (0.1, 0.9, 5e-4)
    assert recipe["schedule"] == {"name": "multistep", "milestones": [150, 250], "factor": 0.1}
    assert "epochs_of" not in recipe


@pytest.fixture(scope="module")
def paper(root: Path) -> Plan:
    return Plan(load(root, {"scale": "paper", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}))


def test_the_paper_scale_attacks_transferred_examples_as_printed(paper: Plan) -> None:
    """Defective Convolutional Networks, Sections 4.1.1, 4.3 and A.7."""
    codes = {
        "pgd16": ["pgd_e16_a1_t20"],
        "pgd_more": ["pgd_e16_a2_t10", "pgd_e32_a1_t40"],
        "fgsm": ["fgsm_e8", "fgsm_e16", "fgsm_e32"],
        "cw40": ["cw_k40"],
        "cw20": ["cw_k20"],
        "pgd8": ["pgd_e8_a2_t7"],
        "pgd8_all": ["pgd_e8_a2_t7"],
        "pgd_grey": ["pgd_e16_a1_t20"],
        "fgsm_white": ["fgsm_e1", "fgsm_e2", "fgsm_e4"],
        "noise": [f"gaussian_s{sigma}" for sigma in (1, 2, 4, 8, 12, 16, 20, 24, 28, 32)],
    }
    assert {name: paper.lookup.codes(name) for name in codes} == codes
    for name in ("cw40", "cw20"):
        (budget,) = paper.lookup.attack(name)["budgets"]
        assert (budget["steps"], budget["binary_search_steps"]) == (1000, 30)
    (mnist,) = paper.lookup.attack("pgd_mnist")["budgets"]
    assert (mnist["epsilon"], mnist["step"], mnist["steps"]) == ("0.3", "0.01", 40)
    images = paper.config.settings["images"]
    assert (images["transfer"], images["transfer_cw"], images["all_images"]) == (5000, 1000, 10_000)


def test_the_paper_scale_trains_and_attacks_with_dual_perturbation_as_printed(paper: Plan) -> None:
    """Towards Robustness against Unsuspicious Adversarial Examples, Section 5.1, Figures 3 to 5."""
    for role in ("imagenet10", "stl10", "segment6"):
        assert paper.networks.epochs(role, "resnet34-atdual-s0") == 20
    trainings = paper.config.papers["dual"]["trainings"]
    pgd, dual = trainings["atpgd"]["attack"], trainings["atdual"]["attack"]
    assert (pgd["method"], pgd["epsilon_l2"], pgd["steps"]) == ("pgd_l2", 2, 50)
    assert [dual[key] for key in ("epsilon_foreground", "epsilon_background", "weight", "steps")] == [2, 20, 0, 50]
    assert {trainings[name]["pretrained"] for name in ("clean", "atpgd", "atdual")} == {"IMAGENET1K_V1"}
    for name in ("dual_foreground", "dual_background", "dual_pgd", "dual_plain", "dual_weights"):
        assert {budget["steps"] for budget in paper.lookup.attack(name)["budgets"]} == {100}, name
    for name in ("dual_inf_foreground", "dual_inf_background", "dual_inf_pgd"):
        assert {budget["steps"] for budget in paper.lookup.attack(name)["budgets"]} == {20}, name
    assert [budget["gamma"] for budget in paper.lookup.attack("dual_jsma")["budgets"]] == [0.025, 0.05, 0.075, 0.1]
    energy = trainings["atenergy"]["attack"]["epsilon_l2"]
    assert energy == pytest.approx((dual["epsilon_foreground"] ** 2 + dual["epsilon_background"] ** 2) ** 0.5, abs=1e-4)


def test_the_paper_scale_attacks_with_advdrop_as_printed(paper: Plan) -> None:
    """AdvDrop, Section 4.1 and Table 1."""
    for name, steps in {"advdrop_paper": 50, "advdrop_code": 50, "advdrop_paper_targeted": 500}.items():
        budgets = paper.lookup.attack(name)["budgets"]
        assert [(budget["bound"], budget["steps"]) for budget in budgets] == [(20, steps), (60, steps), (100, steps)]
    assert paper.config.settings["images"]["advdrop"] == 2000
    victim = paper.networks.settings(paper.lookup.role("imagenet"), "resnet50-v1-s0")
    assert (victim["training"]["pretrained"], victim["training"]["head"]) == ("IMAGENET1K_V1", "kept")
    assert paper.networks.epochs("imagenet", "resnet50-v1-s0") == 0


def test_a_scale_leaves_out_lines_of_tables_and_calls_others_otherwise(project: Project) -> None:
    def change(content: Any) -> None:
        content["tables"]["table3"] = {"columns": {"ResNet-18": "Source ResNet-18", "VGG-19": None}}

    before = project.load().papers["defective"]["tables"]["table3"]
    columns = [column["column"] for column in before["columns"]]
    assert {"ResNet-18", "VGG-19"} <= {*columns}
    project.edit("config/scales/demo.yaml", change)
    after = project.load().papers["defective"]["tables"]["table3"]
    kept = [{"ResNet-18": "Source ResNet-18"}.get(name, name) for name in columns if name != "VGG-19"]
    assert [column["column"] for column in after["columns"]] == kept
    assert after["rows"] == before["rows"]
    assert project.load(scale="laptop").papers["defective"]["tables"]["table3"] == before


def test_null_takes_keys_away_from_a_trainings_attack_and_from_budgets_too(project: Project) -> None:
    project.edit("config/papers/dual.yaml", put("trainings.atdual.attack.warmup", 0.5))
    before = project.load().papers["dual"]
    project.edit("config/scales/demo.yaml", put("trainings.atdual.attack", {"steps": 7, "warmup": None}))
    project.edit("config/scales/demo.yaml", put("attacks.dual_inf_pgd", {"budget": {"random_start": None}}))
    after = project.load().papers["dual"]
    warm, cold = (content["trainings"]["atdual"]["attack"] for content in (before, after))
    assert warm == cold | {"warmup": 0.5}
    starts = [["random_start" in one for one in part["attacks"]["dual_inf_pgd"]["budgets"]] for part in (before, after)]
    assert starts == [[True] * 5, [False] * 5]


def test_the_demos_photographs_have_no_accuracy_and_no_claim_is_judged_on_them(project: Project) -> None:
    config = project.load()
    tables = [body for body in config.papers["advdrop"]["tables"].values() if body["dataset"] == "photographs"]
    lines = [line for body in tables for side in ("rows", "columns") for line in body[side]]
    names = {line.get("row", line.get("column", "")) for line in lines}
    assert not [name for name in names if "accuracy" in name.lower() or name.startswith("Success")]
    assert names
    assert "test_accuracy" not in {line.get("metric") for line in lines}


FOLDER = {
    "title": "photographs of a user",
    "source": {"kind": "folder", "path": "data/mine", "train": "train", "test": "val", "resize": "crop"},
    "image": [3, 224, 224],
    "classes": ["tench", "English springer"],
    "indices": [0, 217],
    "train": 800,
    "test": 100,
    "normalisation": {"kind": "channel"},
    "foreground": {
        "masks": {"kind": "grabcut"},
        "saliency": {"kind": "spectral_residual"},
        "unseen": {"kind": "centre_surround"},
    },
}
TRAINED = ["Adversarially trained", "Defective, 0.5-Bottom"]
RECIPE = {
    "epochs": 1,
    "batch_size": 100,
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 0.0005,
    "nesterov": True,
    "schedule": {"name": "onecycle", "warmup": 0.3},
    "augmentation": {"pad": 0, "flip": True},
}
OWN_SCALE = {
    "extends": "laptop",
    "datasets": {"photographs": "mine"},
    "images": {"advdrop": 100, "advdrop_few": 50},
    "tables": {"advdrop-table2": {"columns": dict.fromkeys(TRAINED)}},
}
IMPOSSIBLE = {  # what a column says, that no table can show at this scale
    "a suite that is nowhere": {"suite": "nowhere"},
    "a source outside the suite": {"source": "resnet18-standard-s7"},
    "the source itself": {"model": "efficientnet-lite0-imagenet-s0"},
    "a training that is nowhere": {"model": "resnet18-nowhere-s1"},
    "a network that is nowhere": {"model": "own-nowhere"},
    "a defense that is nowhere": {"defense": "nowhere"},
}


def folder_scale(project: Project) -> None:
    """A scale of a user's own: photographs in a folder, on which nothing is trained."""
    project.edit("config/datasets.yaml", put("mine", FOLDER))
    (project.root / "config/scales/own.yaml").write_text(json.dumps(OWN_SCALE))


def trained_column(change: dict[str, str]) -> Callable[[Any], None]:
    def apply(content: Any) -> None:
        named = {column["column"]: column for column in content["tables"]["advdrop-table2"]["columns"]}
        named[TRAINED[0]] |= change

    return apply


def test_a_table_without_its_trained_columns_is_planned_on_a_folder_that_trains_nothing(project: Project) -> None:
    folder_scale(project)
    plan = Plan(project.load(scale="own"))
    assert ("tables", "advdrop-table2") not in plan.config.incomplete
    planned = plan.inventory.artefacts("advdrop-table2")
    networks = {artefact.wildcards["model"] for artefact in planned if artefact.stage == "train"}
    assert networks == {"efficientnet-lite0-imagenet-s0"}, "a network that only a column left out has is not made"
    assert "advdrop_transferred" not in {artefact.wildcards.get("suite") for artefact in planned}
    assert not {*TRAINED} & {cell.column for cell in plan.lookup.cells("advdrop-table2")}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_a_column_that_the_scale_leaves_out_is_not_checked(project: Project, what: str) -> None:
    folder_scale(project)
    project.edit("config/papers/advdrop.yaml", trained_column(IMPOSSIBLE[what]))
    project.load(scale="own")
    project.edit("config/scales/own.yaml", drop("tables.advdrop-table2.columns.Adversarially trained"))
    project.edit("config/scales/own.yaml", put("recipes", {"mine": RECIPE}))
    assert "columns" in refusal(project, scale="own")


def test_a_row_that_the_scale_leaves_out_is_not_checked(project: Project) -> None:
    name = project.load().papers["defective"]["tables"]["table3"]["rows"][0]["row"]
    project.edit("config/papers/defective.yaml", put("tables.table3.rows[0].model", "resnet18-nowhere-s1"))
    assert "nowhere" in refusal(project)
    project.edit("config/scales/demo.yaml", put("tables.table3", {"rows": {name: None}}))
    assert name not in [row["row"] for row in project.load().papers["defective"]["tables"]["table3"]["rows"]]
