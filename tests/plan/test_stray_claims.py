"""Claims that name what no cell has are refused before the first job; names of budgets and of the victim stay."""

from typing import TYPE_CHECKING, Any

import pytest
from claimed import plan_of
from refusing import DEFECTIVE, put

from lacuna.errors import LacunaError
from lacuna.language.exhibits import cell_codes
from lacuna.numbers.cells import cell_identity
from lacuna.plan.plan import Plan
from lacuna.plan.stray_claims import find_stray, refuse_stray_claims

if TYPE_CHECKING:
    from pathlib import Path

    from projects import Project

CLAIMS = "config/claims/defective.yaml"
ADVDROP = "config/papers/advdrop.yaml"


def test_the_codes_before_a_run_are_those_of_the_cells(root: "Path") -> None:
    plan = plan_of(root)
    ensembles = plan.lookup.exhibits.parts["ensembles"]
    for table in plan.lookup.tables:
        for cell in plan.lookup.cells(table):
            made = cell_identity(vars(cell) | {"target": cell.target}, ensembles)
            assert cell_codes(cell, ensembles).items() <= made.items()


@pytest.mark.parametrize("scale", ["demo", "laptop", "paper"])
def test_the_papers_claims_name_what_every_scale_has(project: "Project", scale: str) -> None:
    refuse_stray_claims(Plan(project.load(scale=scale)), project.root)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("attack", "pgd_e61_a1_t20", "'pgd_e61_a1_t20' is not known"),
        ("attack", ["fgsm.eps8", "fgsm.esp16"], "'fgsm.esp16' is not known"),
        ("exhibit", "table33", "'table33' is not known"),
        ("target", "resnet19", "'resnet19' is not known; allowed: "),
        ("variant", "botom*", "'botom*' is not known"),
        ("keep_prob", 0.45, "'0.45' is not known"),
        ("metric", "defence_rate", "'defence_rate' is not known; allowed: adversarial_accuracy"),
        ("source", "resnet81", "'resnet81' is not known"),
        ("dataset", "cifar10", "'cifar10' is not known; allowed: fashion-mnist-subset"),
    ],
)
def test_a_claim_that_names_what_does_not_exist_is_refused(
    project: "Project", key: str, value: Any, words: str
) -> None:
    project.edit(CLAIMS, put(f"claims.DEF10.compare[0].where.{key}", value))
    with pytest.raises(LacunaError) as error:
        refuse_stray_claims(Plan(project.load()), project.root)
    assert str(error.value).startswith(f"{CLAIMS}, key claims.DEF10.compare[0], {key}: {words}")


def test_another_epsilon_leaves_every_exhibit_and_claim_in_place(project: "Project") -> None:
    before = Plan(project.load())
    project.edit(DEFECTIVE, put("attacks.pgd16.budgets[0].epsilon", "12/255"))
    after = Plan(project.load())
    refuse_stray_claims(after, project.root)
    assert after.lookup.claim_names("defective")["attack"]["pgd16"] == "pgd_e12_a1_t20"
    assert [*before.lookup.tables] == [*after.lookup.tables]
    settings = after.stages["figure"].settings(**after.lookup.wildcards_of("defective-figure5"))
    assert settings["attack"] == "pgd_e12_a1_t20"


def test_another_victim_is_one_line_of_a_scale(project: "Project") -> None:
    project.edit("config/scales/demo.yaml", put("victims", {"advdrop": "resnet18-standard-s0"}))
    project.edit("config/scales/demo.yaml", put("datasets.photographs", "fashion-mnist-subset"))  # where it is trained
    plan = Plan(project.load())
    assert not [*find_stray(plan, "advdrop", project.root)]
    assert {cell.model for cell in plan.lookup.cells("advdrop-table1")} == {"resnet18-standard-s0"}
    assert plan.lookup.claim_names("advdrop")["variant"] == {"victim": "standard"}
    figure = plan.lookup.figures["advdrop-figure2"][1]
    assert {row["source"] for row in figure["rows"]} == {"resnet18-standard-s0"}


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("victim", None, "key victim"),
        ("attacks.advdrop_code.budgets[1].name", "eps20", "'eps20' is in the list twice"),
        ("attacks.advdrop_pgd_matched.like.budget", "eps99", "'eps99' is not known; allowed: eps100, eps20, eps60"),
        ("attacks.advdrop_code.budgets[0].name", "20", "a name of lower-case letters"),
        ("figures.advdrop-figure1.rows[1].budget", "eps99", "'eps99' is not known; allowed: eps100, eps20, eps60"),
        ("tables.advdrop-table1.rows[0].attack", "advdrop_paper.eps99", "'advdrop_paper.eps99' is not known"),
    ],
)
def test_a_name_that_nothing_has_is_refused_in_its_place(
    project: "Project", place: str, value: Any, words: str
) -> None:
    project.edit(ADVDROP, put(place, value))
    with pytest.raises(LacunaError, match=r"^config/papers/advdrop\.yaml") as error:
        project.load()
    assert words in str(error.value)


def test_the_word_victim_needs_the_key(project: "Project") -> None:
    project.edit("config/scales/demo.yaml", lambda content: content.pop("victims"))
    project.edit(ADVDROP, lambda content: content.pop("victim"))
    with pytest.raises(LacunaError, match=r"^config/papers/advdrop\.yaml: key victim is missing; required: a model's"):
        project.load()


def test_budgets_of_a_scale_keep_the_papers_names_place_by_place(project: "Project") -> None:
    budgets = [{"epsilon": "4/255"}, {"epsilon": "5/255", "name": "mine"}, {"epsilon": "6/255"}, {"epsilon": "7/255"}]
    project.edit("config/scales/demo.yaml", put("attacks.fgsm", {"budgets": budgets}))
    with pytest.raises(LacunaError, match=r"'fgsm\.eps16' is not known; allowed: fgsm\.eps32, fgsm\.eps8, fgsm\.mine"):
        project.load()
    del budgets[1]["name"]
    project.edit("config/scales/demo.yaml", put("attacks.fgsm", {"budgets": budgets}))
    names = Plan(project.load()).lookup.exhibits.names("ablation")
    assert [names[f"fgsm.eps{n}"] for n in (8, 16, 32)] == ["fgsm_e4", "fgsm_e5", "fgsm_e6"]
    assert names["fgsm[3]"] == "fgsm_e7"
