"""One run of every kind of source and figure, on the networks of the tiny configuration and one more."""

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from lacuna.files.artefacts import read_frame, read_tensors

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

TARGET, MASKED, LATER = "vgg19-standard-s1", "vgg19-bottom0.5-standard-s1m1", "vgg19-standard-s5"
SOURCES = ["resnet18-standard-s0", "vgg19-standard-s0"]
BELOW = "results/demo/fashion-mnist-subset"
FIGURES = [f"{BELOW}/figure/{kind}.svg" for kind in ("masks", "shuffled", "examples", "curves")]
TARGETS = (f"{BELOW}/cells/kinds.csv", f"{BELOW}/cells/gradients.csv", *FIGURES)
PGD = {"epsilon": "8/255", "step": "4/255", "steps": 2}
LARGE = {"epsilon": "128/255", "step": "64/255", "steps": 2}  # fools some image of any network, on any machine


def kinds(content: Any) -> None:
    """A table with an ensemble as source and as row, a white box, noise and shuffled patches; a figure of each kind."""
    content["ensembles"] = {"ensemble-sources": SOURCES, "ensemble-row": ["resnet18-standard-s1", MASKED]}
    content["selections"] |= {"own": {"rule": "right_on_source"}, "every": {"rule": "all"}}
    content["attacks"] |= {
        "pgd8": {"method": "pgd", "selection": "transfer", "budgets": [PGD]},
        "pgd_white": {"method": "pgd", "selection": "own", "budgets": [LARGE]},
        "noise": {"method": "gaussian", "selection": "every", "budgets": [{"sigma": "8/255"}, {"sigma": "64/255"}]},
        "shuffle": {"method": "shuffle", "selection": "every", "budgets": [{"k": 2}, {"k": 4}]},
    }
    content["suites"] |= {
        "together": {"attacks": ["pgd8"], "sources": ["ensemble-sources"]},
        "white": {"attacks": ["pgd_white"], "sources": ["self"]},
        "without": {"attacks": ["noise", "shuffle"], "sources": ["none"]},
    }
    made = {"suite": "without", "source": "none"}
    columns = [
        {"column": "Ensemble", "metric": "defense_rate", "suite": "together", "source": "ensemble-sources"},
        {"column": "White", "metric": "adversarial_accuracy", "suite": "white", "source": "self"},
        {"column": "8", "metric": "adversarial_accuracy", **made, "attack": "gaussian_s8"},
        {"column": "64", "metric": "adversarial_accuracy", **made, "attack": "gaussian_s64"},
        {"column": "4x4", "metric": "conditional_accuracy", **made, "attack": "shuffle_k4"},
        {"column": "Accuracy", "metric": "test_accuracy"},
    ]
    rows = [
        {"row": "VGG-19", "model": TARGET, "pair": "ensemble-row"},
        {"row": "EN", "model": "ensemble-row", "pair": TARGET},
    ]
    content["tables"]["kinds"] = {"title": "Kinds", "dataset": "cifar10", "columns": columns, "rows": rows}
    measures = ("gradient_in_foreground", "foreground_area")
    content["tables"]["gradients"] = {
        "title": "Gradients",
        "dataset": "cifar10",
        "rows": [{"row": "VGG-19", "model": TARGET}],
        "columns": [{"column": measure, "metric": measure} for measure in measures],
    }
    line = {"network": "VGG-19", "panel": "CIFAR-10", "dataset": "cifar10", "model": LATER}
    example = {"label": "white", "attack": "pgd_white", "source": TARGET, "code": "pgd_e128_a64_t2"}
    entries: dict[str, Any] = {
        "masks": {"dataset": "cifar10", "model": MASKED},
        "shuffled": {"dataset": "cifar10", "suite": "without", "attack": "shuffle", "models": {TARGET: "V"}},
        "examples": {"dataset": "cifar10", "rows": [example]},
        "curves": {"lines": [line]},
    }
    content["figures"] |= {kind: {"title": kind, "plot": kind, **body} for kind, body in entries.items()}


def test_every_kind_of_source_and_figure_is_made_on_the_networks_that_are_there(finished: "Tree") -> None:
    finished.configure("config/papers/defective.yaml", kinds)
    finished.configure("config/scales/demo.yaml", lambda content: content["images"].update(own=15, every=30))
    made = {"select": 3, "attack": 5, "evaluate": 6, "foreground": 1, "gradient": 1, "cells": 2}
    jobs = {"train_vgg19": 1, **made, "figure": len(FIGURES)}
    assert finished.planned(*TARGETS) == jobs
    finished.run(*TARGETS)
    assert finished.planned(*TARGETS, *finished.targets) == {}
    assert all((finished / target).stat().st_size > 1000 for target in FIGURES)
    check_cells(pd.read_csv(finished / TARGETS[0], keep_default_na=False))
    check_sets(finished)
    gradients = pd.read_csv(finished / TARGETS[1]).set_index("column")
    assert gradients["n"].tolist() == [200, 200]
    assert gradients["value"].between(0, 1, inclusive="neither").all()
    tested = [(model, read_frame(str(finished.results / f"train/{model}.history.csv"))) for model in (LATER, TARGET)]
    assert {model: bool(lines["test_accuracy"].notna().all()) for model, lines in tested} == {
        LATER: True,
        TARGET: False,
    }


def check_cells(cells: pd.DataFrame) -> None:
    """Sources by the codes of the printed tables, and counts of images that follow from the selections."""
    single, ensemble = (cells[cells["row"] == row].set_index("column") for row in ("VGG-19", "EN"))
    assert set(ensemble["variant"]) == {"standard_ensemble"}
    for row in (single, ensemble):
        assert row["source"].to_dict() == {
            "Ensemble": "ensemble_sources",
            "White": "self",
            "8": "",
            "64": "",
            "4x4": "",
            "Accuracy": "",
        }
        assert row["n"].astype(int)[["White", "8", "64", "Accuracy"]].tolist() == [15, 30, 30, 200]
    assert single["n"]["4x4"] == ensemble["n"]["4x4"], "the images that both networks of the pair get right"
    assert single["provenance"]["8"] == single["provenance"]["4x4"] != single["provenance"]["White"]


def check_sets(tree: "Tree") -> None:
    """Sets made without a network have labels -1 of a source; the ensemble's are its own."""
    noise = read_tensors(str(tree.results / "attack/noise/none.safetensors"))
    for name in ("source_clean", "gaussian_s8.source_adversarial", "gaussian_s64.source_adversarial"):
        assert set(noise[name].tolist()) == {-1}
    together = read_tensors(str(tree.results / "attack/pgd8/ensemble-sources.safetensors"))
    assert together["source_clean"].equal(together["label"]), "each member is right on the selection, so their mean is"
