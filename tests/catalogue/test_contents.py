"""What an exhibit consists of is what its plan makes: each network and attack once, with its budgets and datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lacuna.catalogue.contents import contents_of, part_cost, summaries
from lacuna.config.load import load
from lacuna.cost import estimate
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

CHOSEN = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}


@pytest.fixture(scope="module")
def plan(root: Path) -> Plan:
    return Plan(load(root, CHOSEN))


@pytest.fixture(scope="module")
def paper(root: Path) -> Plan:
    return Plan(load(root, CHOSEN | {"scale": "paper"}))


def test_table_3_has_its_networks_its_attack_and_its_dataset(plan: Plan) -> None:
    found = contents_of(plan, "table3")
    plays = [part.facts["plays"] for part in found.networks]
    assert (plays.count("source"), plays.count("target")) == (5, 15)
    (attack,) = found.attacks
    assert attack.facts["budgets"] == {"pgd_e16_a1_t20": {"epsilon": "16/255", "step": "1/255", "steps": 20}}
    assert (attack.facts["images"], len(attack.facts["sources"])) == (500, 5)
    assert found.datasets == {"fashion-mnist-subset": ["cifar10"]}
    assert found.stand_ins == {"fashion-mnist-subset": "cifar10"}


@pytest.mark.parametrize("scale", ["plan", "paper"])
def test_parts_of_every_exhibit_add_up_to_its_cost(scale: str, request: pytest.FixtureRequest) -> None:
    asked: Plan = request.getfixturevalue(scale)
    for name in {*asked.lookup.tables, *asked.lookup.figures}:
        found = contents_of(asked, name)
        costs = [part_cost(asked, part) for part in (*found.networks, *found.attacks)]
        whole = estimate(asked, [name], True)
        assert sum(cost.trainings for cost in costs) == whole.trainings
        assert sum(cost.attacks for cost in costs) == whole.attacks
        assert sum(cost.seconds for cost in costs) <= whole.seconds * (1 + 1e-9), "certificates come on top"


def test_stand_ins_are_those_of_the_scale(plan: Plan, paper: Plan) -> None:
    def stand_ins(asked: Plan, name: str) -> dict[str, str]:
        return dict(contents_of(asked, name).stand_ins)

    assert stand_ins(paper, "table3") == {}
    assert stand_ins(paper, "table1") == {}, "Stylized-ImageNet itself"
    assert stand_ins(plan, "table1").keys() == {"stylised", "fashion-mnist-subset"}
    assert "spectral_residual" in stand_ins(plan, "dual-figure4")
    assert "spectral_residual" not in stand_ins(paper, "dual-figure4")


def test_further_seeds_are_further_files_of_the_same_networks(root: Path) -> None:
    once, thrice = (contents_of(Plan(load(root, CHOSEN | {"seeds": seeds})), "table3") for seeds in (1, 3))
    assert [part.name for part in once.networks] == [part.name for part in thrice.networks]
    assert {len(part.artefacts) for part in thrice.networks} == {3}
    assert thrice.datasets == once.datasets


def test_what_is_there_is_counted(made: Project) -> None:
    found = contents_of(Plan(made.load()), "table3")
    assert all(part.there == len(part.artefacts) for part in (*found.networks, *found.attacks))
    Path(found.networks[0].artefacts[0].path).unlink()
    assert found.networks[0].there == 0


def test_the_summary_states_values(plan: Plan) -> None:
    (line,) = summaries(plan, ["table3"])
    assert line == (
        "table3: datasets: fashion-mnist-subset; networks: 20; attacks: pgd16 (epsilon 16/255; 500 images); "
        "stand-ins: fashion-mnist-subset in place of cifar10"
    )
    for name in (*plan.lookup.tables, *plan.lookup.figures):
        (line,) = summaries(plan, [name])
        assert line.startswith(f"{name}: datasets: ")
