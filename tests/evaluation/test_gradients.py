"""Measures of loss gradients: invariants, cases known by hand, the stage's file, and what a table of them may say."""

import json
import math
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from asking import exhibit_inputs
from drawing import Ask
from stages import Outputs

from lacuna.config.load import load
from lacuna.errors import LacunaError
from lacuna.evaluation.gradients import loss_gradient, measure_gradients
from lacuna.files.artefacts import read_frame, read_tensors, stable_part
from lacuna.models.networks import trained_network
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

CHOSEN = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
SUBSET = "fashion-mnist-subset"
DUAL = "config/papers/dual.yaml"
SCALED = ("gradient_in_foreground", "gradient_roughness", "gradient_sparseness")


def noise(count: int = 4, side: int = 64) -> torch.Tensor:
    return torch.randn(count, side, side, generator=torch.Generator().manual_seed(0))


def halves(count: int = 4, side: int = 64) -> torch.Tensor:
    """The left half of each image is foreground."""
    return (torch.arange(side) < side // 2).expand(count, side, side)


def test_of_noise_the_foreground_has_its_area_and_roughness_and_sparseness_are_those_of_a_gaussian() -> None:
    found = measure_gradients(noise(8, 128), halves(8, 128))
    assert found["foreground_area"].tolist() == [0.5] * 8
    assert found["gradient_in_foreground"].mean() == pytest.approx(0.5, abs=0.01)
    assert found["gradient_roughness"].mean() == pytest.approx(math.sqrt(2), abs=0.02)
    assert found["gradient_sparseness"].mean() == pytest.approx(1 - math.sqrt(2 / math.pi), abs=0.01)


def test_cases_known_by_hand() -> None:
    one, flat, board = torch.zeros(8, 8), torch.ones(8, 8), 1 - 2.0 * (torch.arange(64).reshape(8, 8) % 2)
    one[2, 2] = -3
    board[1::2] *= -1
    found = measure_gradients(torch.stack([one, flat, board]), halves(3, 8))
    assert found["gradient_in_foreground"].tolist() == [1, 0.5, 0.5]
    assert found["gradient_sparseness"].tolist() == pytest.approx([1, 0, 0])
    steps = 2 * 8 * 7  # between neighbours; the single pixel has four of them
    assert found["gradient_roughness"].tolist() == pytest.approx([4 * 3 / steps / (3 / 64), 0, 2])


@pytest.mark.parametrize("factor", [1e-20, -1, 1e20])
def test_neither_length_nor_sign_of_a_gradient_matters(factor: float) -> None:
    plain, scaled = (measure_gradients(g, halves()) for g in (noise().double(), factor * noise().double()))
    for name in SCALED:
        torch.testing.assert_close(scaled[name], plain[name])


def test_the_shares_on_foreground_and_background_add_up_to_one_and_blurring_is_smoother() -> None:
    inside, outside = (
        measure_gradients(noise(), foreground)["gradient_in_foreground"] for foreground in (halves(), ~halves())
    )
    torch.testing.assert_close(inside + outside, torch.ones(4, dtype=torch.float64))
    blurred = torch.nn.functional.avg_pool2d(noise()[:, None], 5, stride=1, padding=2)[:, 0]
    rough = [measure_gradients(g, halves())["gradient_roughness"] for g in (noise(), blurred)]
    assert (rough[1] < rough[0] / 2).all()


def test_empty_and_full_foregrounds_and_no_gradient_at_all() -> None:
    gradients = noise(3)
    gradients[2] = 0
    foregrounds = torch.stack([torch.zeros(64, 64), torch.ones(64, 64), torch.ones(64, 64)]).bool()
    found = measure_gradients(gradients, foregrounds)
    assert found["gradient_in_foreground"][:2].tolist() == [0, 1]
    assert found["foreground_area"].tolist() == [0, 1, 1]
    for name in SCALED:
        assert found[name].isnan().tolist() == [False, False, True], name


def test_the_stage_measures_every_test_image_of_a_network(asked: Ask, tmp_path: Path, root: Path) -> None:
    settings, files = asked("gradients")
    job = SimpleNamespace(
        threads=1,
        wildcards=SimpleNamespace(target="resnet18-standard-s1"),
        params=SimpleNamespace(settings=json.dumps({"network": settings["networks"][0]})),
        resources=SimpleNamespace(batch=7),
        input=SimpleNamespace(
            images=files["images"][0],
            checkpoints=files["checkpoints"][:1],
            foreground=files["foreground"],
            code=[],
            own=[],
        ),
        rule="gradient",
        output=Outputs({"measures": str(tmp_path / "measures.parquet")}),
        log=[str(tmp_path / "log")],
    )
    runpy.run_path(str(root / "workflow/scripts/gradient.py"), init_globals={"snakemake": job})
    frame, data = read_frame(str(tmp_path / "measures.parquet")), read_tensors(files["images"][0])
    network = trained_network(settings["networks"][0], files["checkpoints"][:1], "cpu")
    foregrounds = read_tensors(files["foreground"][0])["mask"]
    wanted = measure_gradients(loss_gradient(network, data["images"], data["labels"], 40), foregrounds)
    assert frame["image"].tolist() == list(range(40))
    assert (set(frame["attack"]), set(frame["source"])) == ({"none"}, {""})
    for name, values in wanted.items():
        np.testing.assert_allclose(frame[name], values, rtol=1e-3, err_msg=name)
    assert stable_part(tmp_path / "measures.parquet")["facts"] == {"zero_gradients": 0}


def test_the_table_of_figure_6_is_about_the_networks_and_the_data_of_the_figure(root: Path) -> None:
    plan = Plan(load(root, CHOSEN))
    figure = plan.lookup.figures["dual-figure6"][1]
    cells = plan.lookup.cells("dual-figure6")
    assert list(dict.fromkeys((cell.model, cell.row) for cell in cells)) == list(figure["models"].items())
    artefacts = plan.inventory.artefacts("dual-figure6")
    stages = [artefact.stage for artefact in artefacts]
    assert {stage: stages.count(stage) for stage in stages} == {
        "dataset": 2,
        "foreground": 2,
        "train": 6,
        "gradient": 3,
        "cells": 1,
    }
    drawn = {path for paths in exhibit_inputs(plan, "figure", "dual-figure6").values() for path in paths}
    assert drawn <= {artefact.path for artefact in artefacts}


def test_a_gradient_has_no_defense_and_needs_a_foreground(project: "Project") -> None:
    def defend(content: dict) -> None:  # type: ignore[type-arg]
        content["tables"]["dual-figure6"]["rows"][0]["defense"] = "smooth25"

    project.edit(DUAL, defend)
    with pytest.raises(LacunaError, match=r"dual-figure6.rows\[0\].defense is not known; metric gradient_in_fore"):
        project.load()

    def elsewhere(content: dict) -> None:  # type: ignore[type-arg]
        del content["tables"]["dual-figure6"]["rows"][0]["defense"]
        content["tables"]["dual-figure6"]["dataset"] = "photographs"
        for figure in ("dual-figure1-photographs", "dual-figure2-photographs"):
            del content["figures"][figure]

    def plain(content: dict) -> None:  # type: ignore[type-arg]
        content["plain"] = {key: value for key, value in content[SUBSET].items() if key != "foreground"}

    def played(content: dict) -> None:  # type: ignore[type-arg]
        content["datasets"]["photographs"], content["recipes"]["plain"] = "plain", content["recipes"][SUBSET]

    project.edit(DUAL, elsewhere)
    project.edit("config/datasets.yaml", plain)
    project.edit("config/scales/demo.yaml", played)
    with pytest.raises(LacunaError, match=r"tables.dual-figure6.dataset: plain has no foreground"):
        project.load()
