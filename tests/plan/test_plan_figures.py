"""What each kind of figure is drawn from: its files, in the order of its entry, and what they do not tell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asking import exhibit_inputs, exhibit_settings

from lacuna.config.load import load
from lacuna.plan.notes import notes_of
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

CHOSEN = {"seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
FIGURES = {"figure1": "masks", "figure2": "shuffled", "figure3": "examples", "figure4": "noise"}
FIGURES |= {"figure5": "tradeoff", "figure8": "diagram", "figure14": "curves", "table3": "heatmap"}
STANDARD, MASKED = "resnet18-standard-s1", "resnet18-bottom0.5-standard-s1m1"
NOSTEM = "resnet18-nostem0.1-standard-s1m1"


@pytest.fixture(scope="module")
def plan(root: Path) -> Plan:
    """The laptop's plan, where every role has a dataset of its own."""
    return Plan(load(root, CHOSEN | {"scale": "laptop"}))


def below(dataset: str, *names: str) -> list[str]:
    return [f"results/laptop/{dataset}/{name}" for name in names]


def settings(plan: Plan, figure: str) -> dict[str, Any]:
    return exhibit_settings(plan, "figure", f"defective-{figure}")


def test_the_paper_has_a_figure_of_every_kind(plan: Plan) -> None:
    figures = {name: body["plot"] for name, (paper, body) in plan.lookup.figures.items() if paper == "defective"}
    kinds = {name.removeprefix("defective-"): plot for name, plot in figures.items()}
    assert FIGURES.items() <= kinds.items()
    assert set(FIGURES.values()) == set(kinds.values())
    assert {f"figure{i}" for i in range(1, 15)} < kinds.keys()


FILES_OF: dict[str, dict[str, list[str]]] = {
    "figure1": {"checkpoints": below("cifar10", f"train/{MASKED}.safetensors")},
    "figure2": {
        "images": below("imagenet", "dataset/test.safetensors"),
        "adversarial": below("imagenet", "attack/shuffle/none.safetensors"),
        "outcomes": below(
            "imagenet",
            f"evaluate/transformed/{STANDARD}.parquet",
            "evaluate/transformed/resnet18-bottom0.1-standard-s1m1.parquet",
        ),
    },
    "figure4": {"cells": below("cifar10", "cells/defective-noise.csv")},
    "figure5": {"cells": below("cifar10", "cells/table12.csv")},
    "figure7": {
        "images": below("tiny-imagenet", "dataset/test.safetensors"),
        "adversarial": below(
            "tiny-imagenet",
            *[f"attack/mifgsm_tiny/{STANDARD}.safetensors"] * 2,
            *[f"attack/mifgsm_tiny/{NOSTEM}.safetensors"] * 2,
        ),
    },
    "figure8": {},
    "figure14": {
        "histories": [
            *below("cifar10", f"train/{STANDARD}.history.csv", f"train/{MASKED}.history.csv"),
            *below("mnist", f"train/{STANDARD}.history.csv", f"train/{MASKED}.history.csv"),
        ]
    },
    "table3": {"cells": below("cifar10", "cells/table3.csv")},
}


@pytest.mark.parametrize("figure", FILES_OF)
def test_a_figure_is_drawn_from_its_files_in_the_order_of_its_entry(plan: Plan, figure: str) -> None:
    assert exhibit_inputs(plan, "figure", f"defective-{figure}") == FILES_OF[figure]


@pytest.mark.parametrize(
    ("figure", "role"), [("figure2", "imagenet"), ("figure7", "tiny-imagenet"), ("figure14", "cifar10")]
)
def test_settings_name_scale_and_dataset_for_the_note(plan: Plan, figure: str, role: str) -> None:
    said = settings(plan, figure)
    assert (said["scale"], said["dataset"], said["paper_dataset"]) == ("laptop", role, role)
    assert plan.published.figure(f"defective-{figure}") == below(
        role, *(f"figure/defective-{figure}.{e}" for e in ("svg", "png"))
    )


def test_at_the_demo_scale_the_role_stands_beside_the_dataset_that_plays_it(root: Path) -> None:
    said = settings(Plan(load(root, CHOSEN | {"scale": "demo"})), "figure7")
    assert (said["dataset"], said["paper_dataset"]) == ("fashion-mnist-subset", "tiny-imagenet")
    assert said["classes"][-1] == "ankle boot"


def test_a_panel_of_curves_says_which_dataset_plays_its_part(plan: Plan, root: Path) -> None:
    lines = settings(plan, "figure14")["lines"]
    assert [line["panel"] for line in lines] == ["CIFAR-10", "CIFAR-10", "MNIST", "MNIST"]
    assert [line["network"] for line in lines] == ["standard", "0.5-Bottom"] * 2


def test_panels_of_curves_that_one_dataset_makes_equal_are_one(root: Path) -> None:
    demo = Plan(load(root, CHOSEN | {"scale": "demo"}))
    lines = settings(demo, "figure14")["lines"]
    assert {line["panel"] for line in lines} == {"fashion-mnist-subset in place of CIFAR-10 and MNIST"}
    assert [line["network"] for line in lines] == ["standard", "0.5-Bottom"]
    histories = exhibit_inputs(demo, "figure", "defective-figure14")["histories"]
    assert histories == [f"results/demo/fashion-mnist-subset/train/{name}.history.csv" for name in (STANDARD, MASKED)]


def test_panels_of_curves_with_other_lines_stay_apart(project: Project) -> None:
    def rename(content: dict[str, Any]) -> None:
        content["figures"]["defective-figure14"]["lines"][3]["network"] = "half"

    project.edit("config/papers/defective.yaml", rename)
    lines = settings(Plan(load(project.root, CHOSEN | {"scale": "demo"})), "figure14")["lines"]
    headings = [f"fashion-mnist-subset in place of {name}" for name in ("CIFAR-10", "MNIST")]
    assert [line["panel"] for line in lines] == [headings[0]] * 2 + [headings[1]] * 2


def test_a_figure_of_a_table_has_its_own_entry_its_notes_and_no_more(plan: Plan) -> None:
    codes = {"figure5": {"attack": "pgd_e16_a1_t20"}}  # which its entry gives a name
    for figure in ("figure4", "figure5", "table3"):
        name = f"defective-{figure}"
        entry = plan.lookup.figures[name][1] | {"notes": notes_of(plan.known, "figure", name)}
        assert settings(plan, figure) == {"exhibit": name, **entry, **codes.get(figure, {})}


def test_masks_and_diagrams_know_their_network(plan: Plan) -> None:
    for figure, model in (("figure1", MASKED), ("figure13", "wrn32-bottom0.07-standard-s1m1")):
        assert settings(plan, figure)["network"] == plan.networks.settings("cifar10", model)


def test_examples_know_the_code_of_each_row(plan: Plan) -> None:
    rows = settings(plan, "figure6")["rows"]
    assert [row["attack"] for row in rows] == [
        f"mifgsm_e{e}_a1_t{t}" for e, t in ((16, 20), (32, 40), (16, 20), (32, 40))
    ]
    assert [row.keys() for row in rows] == [{"label", "attack"}] * 4


def test_shuffles_know_their_codes_and_the_names_of_the_networks(plan: Plan) -> None:
    said = settings(plan, "figure2")
    assert said["attacks"] == ["shuffle_k2", "shuffle_k4", "shuffle_k8"]
    assert said["networks"] == ["standard", "0.1-Bottom"]


@pytest.mark.parametrize(("figure", "classes"), [("figure2", 1000), ("figure7", 200), ("figure3", 10)])
def test_classes_have_names_also_where_only_their_folders_are_named(plan: Plan, figure: str, classes: int) -> None:
    names = settings(plan, figure)["classes"]
    assert len(set(names)) == len(names) == classes
    assert names[0] == ("airplane" if classes == 10 else "class 0")


def test_another_panel_is_another_history(project: Project) -> None:
    line = {"network": "label smoothing", "panel": "CIFAR-10", "dataset": "cifar10", "model": "resnet18-ls-s1"}
    before = Plan(project.load(scale="laptop"))
    entry = "defective-figure14"
    project.edit("config/papers/defective.yaml", lambda content: content["figures"][entry]["lines"].append(line))
    after, dataset = Plan(project.load(scale="laptop")), "cifar10"
    assert (
        exhibit_inputs(after, "figure", entry)["histories"][:-1] == exhibit_inputs(before, "figure", entry)["histories"]
    )
    assert (
        after.stages["figure"]
        .inputs(**after.lookup.wildcards_of(entry))["histories"][-1]
        .endswith("/resnet18-ls-s1.history.csv")
    )
    assert before.stages["train"].inputs(dataset, "resnet18-ls-s1")["tests"] == []
    assert after.stages["train"].inputs(dataset, "resnet18-ls-s1")["tests"] == [
        after.paths.of("dataset", "test", dataset=dataset)
    ]


def test_a_plot_in_panels_knows_where_the_columns_of_its_table_stand(root: Path) -> None:
    plan = Plan(load(root, CHOSEN | {"scale": "laptop"}))
    body = plan.lookup.tables["defective-noise"][1]
    places = [{"panel": "noise", "x": i} for i in range(3)]
    columns = [column | place for column, place in zip(body["columns"], places, strict=False)]
    plan.lookup.tables["defective-noise"] = ("defective", body | {"columns": [*columns, body["columns"][-1]]})
    figure = {"plot": "sweep", "table": "defective-noise", "title": "A title", "panels": []}
    plan.lookup.figures["noise"] = ("defective", figure)
    said = exhibit_settings(plan, "figure", "noise")
    assert said["columns"] == [{"column": f"sigma {s}", "panel": "noise", "x": i} for i, s in enumerate((1, 2, 4))]
    assert said.items() > figure.items()


ROWS = [{"label": "eps 16", "attack": "mifgsm", "source": STANDARD, "code": "mifgsm_e16_a1_t20"}]
SET, TEST = f"attack/mifgsm/{STANDARD}.safetensors", "dataset/test.safetensors"
PARTS: dict[str, tuple[dict[str, Any], dict[str, list[str]]]] = {
    "dropped": ({"rows": ROWS}, {"images": [TEST], "adversarial": [SET]}),
    "ladder": ({"rows": ROWS * 2}, {"images": [TEST], "adversarial": [SET] * 2}),
    "spectrum": ({"rows": ROWS}, {"images": [TEST], "adversarial": [SET]}),
    "pipeline": (
        {"rows": ROWS},
        {"images": [TEST], "adversarial": [SET], "checkpoints": [f"train/{STANDARD}.safetensors"]},
    ),
    "attention": (
        {"rows": ROWS, "model": MASKED},
        {"images": [TEST], "adversarial": [SET], "checkpoints": [f"train/{MASKED}.safetensors"]},
    ),
    "denoise": (
        {"rows": ROWS, "model": MASKED, "defense": "median3"},
        {"images": [TEST], "adversarial": [SET], "checkpoints": [f"train/{MASKED}.safetensors"]},
    ),
    "gradients": (
        {"models": {STANDARD: "Clean", MASKED: "masked"}},
        {
            "images": [TEST],
            "foreground": ["foreground/test.safetensors"],
            "checkpoints": [f"train/{STANDARD}.safetensors", f"train/{MASKED}.safetensors"],
        },
    ),
    "foregrounds": ({}, {"images": [TEST], "foreground": ["foreground/test.safetensors"]}),
    "unsuspicious": (
        {"rows": ROWS},
        {"images": [TEST], "adversarial": [SET], "foreground": ["foreground/test.safetensors"]},
    ),
    "rounding": ({"alphas": [0.1]}, {}),
}
MEDIAN = {"function": "lacuna.purify:median", "arguments": {"size": 3}}
FOREGROUND = {"masks": {"kind": "nonzero"}, "saliency": {"kind": "spectral_residual"}}


@pytest.fixture
def new(root: Path) -> Plan:
    """A plan with a figure of each kind in `PARTS`, a defense, and foregrounds."""
    plan = Plan(load(root, CHOSEN | {"scale": "laptop"}))
    shared = {"title": "A title", "dataset": "cifar10"}
    plan.lookup.figures |= {kind: ("defective", shared | {"plot": kind} | body) for kind, (body, _) in PARTS.items()}
    plan.lookup.exhibits.parts["defenses"]["median3"] = MEDIAN  # type: ignore[index]
    plan.config.datasets["cifar10"] |= {"foreground": FOREGROUND}
    return plan


@pytest.mark.parametrize("kind", PARTS)
def test_new_kinds_are_drawn_from_their_files(new: Plan, kind: str) -> None:
    wanted = {name: below("cifar10", *paths) for name, paths in PARTS[kind][1].items()}
    assert exhibit_inputs(new, "figure", kind) == wanted


def test_new_kinds_know_what_their_files_do_not_tell(new: Plan) -> None:
    said = {kind: exhibit_settings(new, "figure", kind) for kind in PARTS}
    assert {kind for kind, one in said.items() if "classes" not in one} == {"rounding"}
    assert {(one["scale"], one["dataset"], one["paper_dataset"]) for one in said.values()} == {
        ("laptop", "cifar10", "cifar10")
    }
    assert said["pipeline"]["network"] == new.networks.settings("cifar10", STANDARD)
    assert said["pipeline"]["budget"] == {"epsilon": "16/255", "step": "1/255", "steps": 20}
    assert said["attention"]["network"] == said["denoise"]["network"] == new.networks.settings("cifar10", MASKED)
    assert (said["denoise"]["defense"], said["denoise"]["purifier"]) == (MEDIAN, "median3")
    assert said["gradients"]["networks"] == new.networks.several("cifar10", [STANDARD, MASKED])
    assert said["gradients"]["names"] == ["Clean", "masked"]
    assert said["unsuspicious"]["saliency"] == FOREGROUND["saliency"]
    assert said["ladder"]["rows"] == [{"label": "eps 16", "attack": "mifgsm_e16_a1_t20"}] * 2
