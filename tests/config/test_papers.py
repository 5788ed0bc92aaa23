"""Papers of the user's own: any file of config/papers, or one that is named, beside all others."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from refusing import refusal

from lacuna.config.sources import NOTHING_PRINTED
from lacuna.errors import LacunaError
from lacuna.plan.names import refuse_unknown
from lacuna.plan.plan import Plan
from lacuna.plan.stray_claims import refuse_stray_claims
from lacuna.versioning.aliases import alias_text

if TYPE_CHECKING:
    from projects import Project

OURS: dict[str, Any] = {
    "paper": "mine",
    "title": "My paper",
    "suites": {"my_suite": {"attacks": ["pgd16", "fgsm"], "sources": ["ensemble-bottom0.5"]}},
    "tables": {
        "my-table": {
            "title": "Mine",
            "dataset": "cifar10",
            "columns": [
                {"column": "PGD", "metric": "defense_rate", "suite": "my_suite", "source": "ensemble-bottom0.5"}
            ],
            "rows": [{"row": "AT", "model": "resnet18-atpgdl2-s1", "attack": "pgd16"}],
        }
    },
    "figures": {"my-figure": {"title": "Theirs", "plot": "heatmap", "table": "table3"}},
}
SUITE, TABLE = OURS["suites"]["my_suite"], OURS["tables"]["my-table"]
CLAIM = {
    "text": "A claim.",
    "section": "1",
    "stated": "yes",
    "share": 1,
    "margin": 0,
    "compare": [{"left": {"exhibit": "my-table", "attack": "pgd16"}, "relation": ">", "value": 50}],
}
CLAIMS = {"paper": "mine", "printed_images": [], "not_applicable": [], "claims": {"MINE01": CLAIM}}


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def own(tmp_path: Path, **changes: Any) -> str:
    """The file of the paper, outside of the checkout, and its claims beside it."""
    write(tmp_path / "elsewhere/mine.claims.yaml", CLAIMS)
    return str(write(tmp_path / "elsewhere/mine.yaml", {**OURS, **changes}))


def test_a_paper_in_the_folder_needs_nothing_else_and_uses_parts_of_the_others(project: "Project") -> None:
    write(project.root / "config/papers/mine.yaml", OURS)
    write(project.root / "config/claims/mine.yaml", CLAIMS)
    plan = Plan(project.load())
    assert plan.lookup.tables["my-table"][0] == "mine"
    assert plan.lookup.claimed[-1] == "mine"
    wildcards = plan.lookup.wildcards_of("my-table")
    inputs = plan.stages["cells"].inputs(**wildcards)
    assert inputs["printed"] == NOTHING_PRINTED
    assert inputs["outcomes"] == ["results/demo/fashion-mnist-subset/evaluate/my_suite/resnet18-atpgdl2-s1.parquet"]
    assert plan.inventory.claims("mine")[0].inputs[-1] == "config/claims/mine.yaml"
    assert "tables/my-table.csv" in alias_text(plan)
    assert {artefact.stage for artefact in plan.inventory.artefacts("my-table", "my-figure")} >= {"train", "attack"}


@pytest.mark.parametrize("named", ["text", "list", "relative"])
def test_a_paper_that_is_named_lies_anywhere_with_its_claims_and_numbers_beside_it(
    project: "Project", tmp_path: Path, named: str
) -> None:
    path = own(tmp_path)
    printed = Path(path).with_name("mine.printed.csv")
    printed.write_text((project.root / NOTHING_PRINTED).read_text())
    papers = {"text": path, "list": [path], "relative": "../elsewhere/mine.yaml"}[named]
    plan = Plan(project.load(papers=papers))
    found = plan.config.sources["mine"]
    assert [(project.root / one).resolve() for one in (found.claims, found.printed)] == [
        printed.with_name("mine.claims.yaml"),
        printed,
    ]
    refuse_unknown(plan, ["tables/my-table.csv", "figures/my-figure.svg", "tables/mine-claims.csv"])
    refuse_stray_claims(plan, project.root)
    with pytest.raises(LacunaError, match=r"all names of exhibits are in config/papers/\*\.yaml, .*mine\.yaml$"):
        refuse_unknown(plan, ["tables/nothing-like-it.csv"])
    assert "mine" not in Plan(project.load()).config.papers


def test_an_own_paper_changes_nothing_of_the_others(project: "Project", tmp_path: Path) -> None:
    plans = [Plan(project.load(**chosen)) for chosen in ({}, {"papers": own(tmp_path)})]
    before, after = ({a.path: a for a in plan.inventory.artefacts()} for plan in plans)
    assert before.items() <= after.items()
    assert len(after) > len(before)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"paper": "yours"}, "key paper: 'yours' is not the file's name; allowed: mine"),
        (
            {"suites": {"pgd16": OURS["suites"]["my_suite"]}},
            "suites.pgd16 is also defined in config/papers/defective.yaml",
        ),
        (
            {"tables": {"table3": TABLE}},
            "tables.table3 is also defined in config/papers/defective",
        ),
        ({"tables": {"mine-claims": TABLE}}, "key tables.mine-claims: its file would be that of"),
        ({"suites": {"my_suite": {"attacks": ["pgd61"], "sources": ["self"]}}}, "my_suite.attacks[0]: 'pgd61' is not"),
        (
            {"trainings": {"at": {"label_smoothing": 0.1}}},
            "trainings.at is also defined in config/papers/def",
        ),
        ({"selections": {"few": {"rule": "all", "images": 0}}}, "key selections.few.images: 0 is not allowed"),
        ({"datasets": {"mine": "minst"}}, "key datasets.mine: 'minst' is not known; allowed: cifar10"),
        ({"datasets": {"Mine": "mnist"}}, "Mine"),
        ({"victim": "resnet19-standard-s0"}, "key victim: model 'resnet19-standard-s0'"),
        ({"figures": {"f": {"title": "t", "plot": "heatmap", "table": "tabel3"}}}, "figures.f.table: 'tabel3' is not"),
        ({"tabels": {}}, "key tabels is not known (did you mean 'tables'?)"),
    ],
    ids=str,
)
def test_a_mistake_in_an_own_paper_is_one_sentence_about_its_file(
    project: "Project", tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    path = own(tmp_path, **changes)
    with pytest.raises(LacunaError) as error:
        project.load(papers=path)
    assert str(error.value).startswith(path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("nowhere.yaml", "nowhere.yaml is no file <name>.yaml"),
        ("config", "config is no file <name>.yaml"),
        ("config/config.yml", "config/config.yml is no file"),
        (3, "key papers"),
        (["config/claims/dual.yaml"], "config/claims/dual.yaml has the name of config/papers/dual.yaml"),
    ],
)
def test_a_paper_that_cannot_be_is_refused(project: "Project", named: Any, words: str) -> None:
    assert words in refusal(project, papers=named)


def test_a_file_whose_name_no_paper_can_have_is_refused(project: "Project", tmp_path: Path) -> None:
    for name in ("My Paper", "2mine", "mine_too"):
        path = write(tmp_path / f"{name}.yaml", {**OURS, "paper": name})
        with pytest.raises(LacunaError, match=f"'{re.escape(name)}' is no name of a paper; allowed: "):
            project.load(papers=str(path))


def _other_clothes(scale: Any) -> None:
    scale["datasets"]["clothes"], recipes = "other", scale["recipes"]
    recipes["other"] = recipes["fashion-mnist-subset"]


def test_a_role_of_an_own_paper_is_played_by_its_dataset_or_by_the_scales(project: "Project", tmp_path: Path) -> None:
    table = {**TABLE, "dataset": "clothes"}
    path = own(tmp_path, datasets={"clothes": "fashion-mnist-subset"}, tables={"my-table": table})
    assert Plan(project.load(papers=path)).lookup.dataset_of("my-table") == "fashion-mnist-subset"
    project.edit("config/datasets.yaml", lambda content: content.update(other=content["fashion-mnist-subset"]))
    project.edit("config/scales/demo.yaml", _other_clothes)
    assert Plan(project.load(papers=path)).lookup.dataset_of("my-table") == "other"
    assert "clothes is not known" in refusal(project), "without the paper nobody has the role"


def test_the_example_of_the_documents_is_a_paper(project: "Project", root: Path) -> None:
    plan = Plan(project.load(papers=str(root / "docs/papers/madry.yaml"), scale="laptop"))
    refuse_stray_claims(plan, project.root)
    assert len(plan.lookup.cells("madry-table2")) == 6
    assert plan.config.sources["madry"].prints
    assert plan.config.settings["images"]["madry"] == 2000
