"""The plan of the whole paper: white boxes, sets without a network, ensembles, trainings, histories, and its size."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lacuna.config.load import load
from lacuna.language.attacks import METHODS
from lacuna.language.models import ENSEMBLE, parse_model
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

CHOSEN = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
DATASET, DEFECTIVE = "fashion-mnist-subset", "config/papers/defective.yaml"
STANDARD, MASKED, TRAINED = "resnet18-standard-s1", "resnet18-bottom0.5-standard-s1m1", "resnet18-at-s1"
EXCEPT, TWICE = "ensemble-except-vgg19", "ensemble-bottom0.5-x2"


@pytest.fixture(scope="module")
def plan(root: Path) -> Plan:
    return Plan(load(root, CHOSEN))


def made(plan: Plan, stage: str, *tables: str) -> Counter[str]:
    """Files of a stage that these tables need (all tables if none is named)."""
    return Counter(artefact.path for artefact in plan.inventory.artefacts(*tables) if artefact.stage == stage)


def trainings(plan: Plan, *tables: str) -> set[str]:
    """Networks that these tables need, without repeats."""
    return {Path(path).stem for path in made(plan, "train", *tables) if path.endswith(".safetensors")}


# White boxes ----------------------------------------------------------------------------------------------


def test_in_a_white_box_every_row_is_attacked_with_its_own_gradients(plan: Plan) -> None:
    cells = [cell for cell in plan.lookup.cells("table10") if cell.metric == "defense_rate"]
    assert len(cells) == 3 * 6
    assert all(cell.source == cell.model for cell in cells)
    for cell in cells:
        sources = plan.lookup.suite_sources("white_box", cell.target)
        assert sources == [("fgsm_white", cell.model), ("pgd_white", cell.model)]
        folder = f"results/demo/{DATASET}/attack/"
        assert plan.stages["evaluate"].inputs(DATASET, "white_box", cell.target)["adversarial"] == [
            f"{folder}{attack}/{cell.model}.safetensors" for attack in ("fgsm_white", "pgd_white")
        ]
        settings = plan.stages["evaluate"].settings(DATASET, "white_box", cell.target)
        assert [(one["attack"], one["source"]) for one in settings["sets"]] == sources
        attacked = plan.stages["attack"].settings(DATASET, "pgd_white", cell.model)
        assert attacked["network"] == settings["network"]


def test_a_white_box_counts_images_that_the_network_itself_gets_right(plan: Plan) -> None:
    selection = f"white_box-{MASKED}"
    assert plan.stages["attack"].inputs(DATASET, "pgd_white", MASKED)["selection"] == plan.paths.of(
        "select", "selection", dataset=DATASET, selection=selection
    )
    assert plan.stages["select"].inputs(DATASET, selection)["checkpoints"] == plan.networks.checkpoints(DATASET, MASKED)


def test_a_defense_before_a_white_box_leaves_the_source_the_network(plan: Plan) -> None:
    assert plan.lookup.suite_sources("white_box_all", f"{MASKED}--blur") == [("pgd8_all", MASKED)]


def test_the_white_box_of_an_ensemble_is_made_on_the_ensemble(project: Project) -> None:
    row = {"row": "EN", "model": TWICE}
    project.edit(DEFECTIVE, lambda content: content["tables"]["table10"]["rows"].append(row))
    plan = Plan(project.load())
    assert plan.lookup.suite_sources("white_box", TWICE) == [("fgsm_white", TWICE), ("pgd_white", TWICE)]
    selection = plan.lookup.selection_of("pgd_white", TWICE)
    assert plan.stages["select"].inputs(DATASET, selection)["checkpoints"] == plan.networks.checkpoints(DATASET, TWICE)
    assert len(plan.networks.checkpoints(DATASET, TWICE)) == 5


# Sets made without a network --------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", ["noise", "shuffle", "stylised"])
def test_a_set_without_a_network_needs_images_and_a_selection_only(plan: Plan, attack: str) -> None:
    assert not METHODS[plan.lookup.attack(attack)["method"]].network
    assert plan.networks.checkpoints(DATASET, "none") == []
    settings = plan.stages["attack"].settings(DATASET, attack, "none")
    assert settings["network"] is None
    assert plan.stages["attack"].own_code(DATASET, attack, "none") == []
    selection = plan.lookup.selection_of(attack, "none")
    assert selection == plan.lookup.attack(attack)["selection"]
    assert plan.stages["attack"].inputs(DATASET, attack, "none")["selection"].endswith(f"/{selection}.csv")


def test_noise_is_measured_on_images_that_every_row_gets_right(plan: Plan) -> None:
    rows = {cell.model for cell in plan.lookup.cells("defective-noise")}
    assert set(plan.lookup.selection_sources("noise")) == rows
    assert {cell.source for cell in plan.lookup.cells("defective-noise")} == {"none", ""}
    assert plan.lookup.suite_sources("noise", STANDARD) == [("noise", "none")]


def test_rule_all_asks_no_network(plan: Plan) -> None:
    for selection in ("all_images", "transformed"):
        assert (
            plan.lookup.selection_sources(selection)
            == plan.stages["select"].inputs(DATASET, selection)["checkpoints"]
            == []
        )
        assert plan.stages["select"].settings(DATASET, selection)["networks"] == []


def test_conditional_accuracies_know_both_networks_of_their_pair(plan: Plan) -> None:
    cells = [*plan.lookup.cells("table1"), *plan.lookup.cells("table11")]
    assert {cell.metric for cell in cells} == {"conditional_accuracy"}
    pairs = {cell.pair for cell in cells}
    assert all(cell.pair[0] == cell.target and len(set(cell.pair)) == 2 for cell in cells)
    assert {(b, a) for a, b in pairs} == pairs, "each network of a pair is a row"
    assert all(parse_model(a).arch == parse_model(b).arch for a, b in pairs)
    assert all(not cell.pair for table in ("table2", "table3", "table4") for cell in plan.lookup.cells(table))


# Ensembles ----------------------------------------------------------------------------------------------------


def test_no_row_is_attacked_with_gradients_of_a_network_in_it_unless_the_column_says_self(plan: Plan) -> None:
    met = Counter[bool]()
    for table, (_, body) in plan.lookup.tables.items():
        suites = plan.lookup.exhibits.parts["suites"]
        diagonal = {name for name, suite in suites.items() if suite.get("diagonal")}
        parts = [*body["columns"], *body["rows"]]
        white = {part.get("column") for part in parts if part.get("source") == "self" or part.get("suite") in diagonal}
        for cell in plan.lookup.cells(table):
            shared = set(plan.lookup.exhibits.members(cell.model)) & set(
                plan.lookup.exhibits.members(cell.source or "none")
            )
            assert not shared or cell.column in white, (table, cell)
            assert shared or not cell.source or cell.column not in white or cell.suite in {*diagonal, "advdrop_noise"}
            met[cell.source.startswith(ENSEMBLE), cell.model.startswith(ENSEMBLE)] += bool(cell.source)
    assert met[True, False] == 5 * 15  # Table 6
    assert met[False, True] == 5 * (4 * 7 + 6)  # Tables 12 to 16


def test_an_ensemble_is_its_members_wherever_it_stands(plan: Plan) -> None:
    members = plan.lookup.exhibits.members(EXCEPT)
    assert len(members) == len(set(members)) == 4
    assert not any(member.startswith("vgg19") for member in members)
    checkpoints = [plan.paths.of("train", "checkpoint", dataset=DATASET, model=member) for member in members]
    assert plan.networks.checkpoints(DATASET, EXCEPT) == checkpoints
    settings = plan.stages["attack"].settings(DATASET, "pgd8", EXCEPT)["network"]
    assert settings == {"model": EXCEPT, "members": [plan.networks.settings(DATASET, member) for member in members]}
    target = plan.stages["evaluate"].settings(DATASET, "ablation", TWICE)["network"]
    assert [member["model"] for member in target["members"]] == plan.lookup.exhibits.members(TWICE)
    assert plan.networks.checkpoints(DATASET, f"{TWICE}--blur") == plan.networks.checkpoints(DATASET, TWICE)
    assert TWICE not in trainings(plan)
    assert set(plan.lookup.exhibits.members(TWICE)) <= trainings(plan, "table12")


def test_every_ensemble_leaves_out_the_architecture_in_its_name(plan: Plan) -> None:
    for arch in ("resnet18", "resnet50", "densenet121", "senet18", "vgg19"):
        left = {parse_model(member).arch for member in plan.lookup.exhibits.members(f"ensemble-except-{arch}")}
        assert len(left) == 4
        assert arch not in left


# Trainings and histories -------------------------------------------------------------------------------------


def test_settings_of_standard_networks_have_nothing_of_what_others_have(plan: Plan) -> None:
    keys = {"model", "image", "classes", "normalisation", "width", "mask_place", "seed", "recipe"}
    for model in ("resnet18-standard-s0", "vgg19-bottom0.3-standard-s1m1"):
        assert plan.stages["train"].settings(DATASET, model).keys() == keys
    assert plan.stages["train"].settings(DATASET, TRAINED).keys() == keys | {"training"}


def test_a_training_travels_as_it_is_defined_wherever_its_network_does(plan: Plan) -> None:
    defined = plan.config.papers["defective"]["trainings"]
    for name in defined:
        model = f"resnet18-{name}-s1"
        assert plan.stages["train"].settings(DATASET, model)["training"] == defined[name]
        assert plan.networks.settings(DATASET, model)["training"] == defined[name]


def test_only_networks_whose_curves_are_drawn_are_tested_while_they_train(root: Path) -> None:
    for scale, datasets in {"demo": [DATASET, DATASET], "laptop": ["cifar10", "mnist"]}.items():
        plan = Plan(load(root, CHOSEN | {"scale": scale}))
        drawn = set(product(datasets, (STANDARD, MASKED)))
        networks = {(Path(p).parts[2], Path(p).stem) for p in made(plan, "train") if p.endswith(".safetensors")}
        assert drawn <= networks
        for dataset, model in networks:
            tests = [plan.paths.of("dataset", "test", dataset=dataset)] if (dataset, model) in drawn else []
            assert plan.stages["train"].inputs(dataset, model)["tests"] == tests
            settings = plan.stages["train"].settings(dataset, model)
            assert settings.get("history", False) == bool(tests)


# The whole ----------------------------------------------------------------------------------------------------


def test_nothing_is_made_twice_and_tables_share_what_they_can(plan: Plan) -> None:
    every = plan.inventory.artefacts()
    assert max(Counter(artefact.path for artefact in every).values()) == 1
    alone = sum(len(plan.inventory.artefacts(table)) for table in plan.lookup.tables)
    assert len(every) < alone / 2
    settings = {artefact.path: artefact.settings for artefact in every}
    for table in plan.lookup.tables:
        assert all(settings[artefact.path] == artefact.settings for artefact in plan.inventory.artefacts(table))
    inputs = {name for artefact in every for name in artefact.inputs if name.startswith("results/")}
    assert inputs <= settings.keys()


def test_the_sources_of_transfer_attacks_are_five_networks_in_all_tables(plan: Plan) -> None:
    tables = [f"table{i}" for i in (3, 5, 6, 7, 9, 12, 13, 14, 15, 16)]
    sources = {cell.source for table in tables for cell in plan.lookup.cells(table)} - {""}
    networks = {member for source in sources for member in plan.lookup.exhibits.members(source)}
    assert (
        networks == set(plan.lookup.selection_sources("transfer")) == set(plan.lookup.selection_sources("transfer_cw"))
    )
    assert all(parse_model(network).seed == 0 for network in networks)


@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_tables_of_other_roles_are_made_on_their_own_datasets(root: Path, scale: str) -> None:
    plan = Plan(load(root, CHOSEN | {"scale": scale}))
    roles = {"table1": "imagenet", "table11": "imagenet", "table7": "mnist", "table3": "cifar10"}
    for table, role in roles.items():
        assert {Path(artefact.path).parts[2] for artefact in plan.inventory.artefacts(table)} == {role}
    assert trainings(plan, "table7") == trainings(plan, "table3")
    network: Any = plan.networks.settings("imagenet", STANDARD)
    assert (network["classes"], network["image"]) == (1000, [3, 224, 224])
