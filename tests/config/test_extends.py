"""Scales that extend others; exhibits for which a scale does not say all, which are named when they are asked for."""

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from refusing import DEFECTIVE, DEMO, LAPTOP, drop, put, refusal

from lacuna.errors import LacunaError
from lacuna.plan.plan import Plan
from lacuna.plan.presence import refuse_incomplete

if TYPE_CHECKING:
    from projects import Project

OWN = "config/scales/mine.yaml"
SELECTION = {"rule": "right_on_all_sources", "sources": ["resnet18-standard-s0"]}


def scale(project: "Project", **content: Any) -> None:
    (project.root / OWN).write_text(yaml.safe_dump(content))


def lacking(project: "Project", *arguments: str, **chosen: Any) -> str:
    """The sentence on what the scale lacks for what is asked for."""
    with pytest.raises(LacunaError) as error:
        refuse_incomplete(Plan(project.load(**chosen)), arguments)
    return str(error.value)


def test_a_scale_that_only_extends_another_is_that_scale(project: "Project") -> None:
    scale(project, extends="laptop")
    mine, base = project.load(scale="mine"), project.load(scale="laptop")
    assert mine.settings == base.settings
    assert mine.papers == base.papers


def test_what_differs_is_said_key_by_key(project: "Project") -> None:
    data = "fashion-mnist-subset"
    recipes = {data: {"epochs": 1, "epochs_of": None, "schedule": MULTISTEP}}
    attacks = {"boundary": {"budget": {"steps": 7}}, "dual_cw": {"budgets": [{"kappa": 0, **CW}]}}
    scale(project, extends="demo", width="1/16", images={"transfer": 50}, recipes=recipes, attacks=attacks)
    mine, demo = project.load(scale="mine"), project.load()
    recipe = mine.settings["recipes"][data]
    before = {key: value for key, value in demo.settings["recipes"][data].items() if key != "epochs_of"}
    assert recipe == {**before, "epochs": 1, "schedule": MULTISTEP}
    assert mine.settings["images"] == {**demo.settings["images"], "transfer": 50}
    assert (mine.settings["width"], mine.settings["throughput"]) == ("1/16", demo.settings["throughput"])
    (boundary,) = mine.papers["defective"]["attacks"]["boundary"]["budgets"]
    (before,) = demo.papers["defective"]["attacks"]["boundary"]["budgets"]
    assert boundary == {**before, "steps": 7}
    assert mine.papers["dual"]["attacks"]["dual_cw"]["budgets"] == [{"kappa": 0, **CW}]
    assert mine.papers["dual"]["trainings"] == demo.papers["dual"]["trainings"]


MULTISTEP = {"name": "multistep", "milestones": [], "factor": 0.1}
CW = {"steps": 2, "binary_search_steps": 1, "learning_rate": 0.1, "initial_const": 1}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"extends": "dmeo"}, "key extends: 'dmeo' is not known; allowed: demo, laptop, mine, paper"),
        ({"extends": "mine"}, "key extends: mine extends mine; allowed: another scale"),
        ({"extends": ["demo"], "width": "1/8"}, "key extends: "),
        ({"extends": "demo", "width": "2/0"}, "key width: "),
        ({"extends": "demo", "imagse": {}}, "key imagse is not known (did you mean 'images'?)"),
        ({"extends": "demo", "images": [3]}, "key images: "),
        (
            {"extends": "demo", "recipes": {"fashion-mnist-subset": {"batch_size": 1}}},
            "key recipes.fashion-mnist-subset.batch_size",
        ),
        (
            {"extends": "demo", "datasets": {"mnits": "mnist"}},
            "datasets.mnits is not known (did you mean 'mnist'?)",
        ),
        ({"width": "1/8", "images": {"transfre": 4}}, "key images: 'transfre' is not known"),
        (
            {"extends": "demo", "victims": {"defective": "resnet18-standard-s0"}},
            "key victims: 'defective' is not known; allowed",
        ),
        ({}, "key width is missing"),
    ],
    ids=str,
)
def test_a_mistake_in_an_extending_scale_is_one_sentence_about_its_file(
    project: "Project", content: dict[str, Any], words: str
) -> None:
    scale(project, **content)
    sentence = refusal(project, scale="mine")
    assert sentence.startswith(OWN)
    assert words in sentence


def test_scales_that_extend_each_other_are_refused(project: "Project") -> None:
    scale(project, extends="other")
    (project.root / "config/scales/other.yaml").write_text("extends: mine\n")
    assert "extends" in refusal(project, scale="mine")


@pytest.mark.parametrize(
    ("file", "key", "asked"),
    [
        (DEMO, "images.transfer", "tables/table3.csv"),
        (DEMO, "throughput.vgg19", "figures/defective-table3.svg"),
        (LAPTOP, "recipes.cifar10", "tables/table3.tex"),
        (LAPTOP, "datasets.cifar10", "tables/defective-claims.csv"),
        (DEMO, "images.examples_tiny", "figures/defective-figure7.png"),
        (DEMO, "throughput.senet18", "tables"),
    ],
)
def test_what_a_scale_does_not_say_is_named_for_the_exhibits_that_need_it_and_only_for_them(
    project: "Project", file: str, key: str, asked: str
) -> None:
    project.edit(file, drop(key))
    name = file.split("/")[-1].removesuffix(".yaml")
    assert f"{key} (" in lacking(project, asked, scale=name)
    refuse_incomplete(Plan(project.load(scale=name)), ["figures/advdrop-figure1.svg"])


def test_all_that_is_missing_is_named_at_once(project: "Project") -> None:
    scale(project, width="1/8", datasets={"cifar10": "fashion-mnist-subset"})
    sentence = lacking(project, "tables/table3.csv", "figures/defective-figure3.svg", scale="mine")
    assert sentence.startswith(f"{OWN} lacks keys that defective-figure3, table3 cannot do without: ")
    keys = ("images.examples, images.transfer (", "recipes.fashion-mnist-subset (", "throughput.densenet121, ")
    assert all(key in sentence for key in keys)
    assert sentence.count("throughput.") == 5
    assert "images.cross" not in sentence
    assert "images.cross" in lacking(project, "all", scale="mine")


def test_exhibits_that_the_scale_cannot_make_stand_in_no_list(project: "Project") -> None:
    project.edit(DEMO, drop("datasets.segment6"))
    plan, whole = Plan(project.load()), Plan(project.load(scale="laptop"))
    gone = {*whole.lookup.tables} - {*plan.lookup.tables}
    assert gone == {"dual-segment6"}
    assert {*whole.lookup.figures} - {*plan.lookup.figures} == {"dual-segment6"}
    assert plan.inventory.artefacts()


def test_a_number_of_images_may_stand_beside_its_selection_and_is_the_most(project: "Project") -> None:
    project.edit(DEFECTIVE, put("selections.fresh", {**SELECTION, "images": 4321}))
    project.edit(DEFECTIVE, put("attacks.pgd16.selection", "fresh"))
    for name, images in (("demo", 2000), ("laptop", 4321)):
        assert project.load(scale=name).settings["images"]["fresh"] == images
    project.edit(DEMO, put("images.fresh", 20))
    assert project.load().settings["images"]["fresh"] == 20
