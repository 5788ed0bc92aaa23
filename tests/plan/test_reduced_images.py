"""A dataset's stem: what the plan says of networks on it, and that the networks built are those."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from lacuna.config.load import load
from lacuna.errors import LacunaError
from lacuna.models.layers import Defect
from lacuna.models.networks import new_network
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

CHOSEN = {"scale": "paper", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
DATASETS = "config/datasets.yaml"


@pytest.fixture(scope="module")
def plan(root: Path) -> Plan:
    return Plan(load(root, CHOSEN))


@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "densenet121", "senet18"])
def test_networks_on_imagenet_have_a_quarter_stem(plan: Plan, arch: str) -> None:
    settings = plan.networks.settings("imagenet", f"{arch}-bottom0.1-standard-s1m1")
    assert settings["stem"] == "quarter"
    zeros = torch.zeros(3, 1, 1)
    sides = {m.mask.shape[2] for m in new_network(settings, zeros, zeros + 1).modules() if isinstance(m, Defect)}
    assert sides == ({112} if "resnet" in arch else set()) | {56, 28}


@pytest.mark.parametrize(
    ("dataset", "model"),
    [("imagenet", "vgg19-standard-s1"), ("imagenet", "resnet50-v1-s0"), ("imagenet10", "resnet34-clean-s0"),
     ("cifar10", "resnet50-standard-s1"), ("tiny-imagenet", "resnet18-standard-s1"), ("mnist", "senet18-standard-s1")],
)  # fmt: skip
def test_other_networks_are_described_as_before(plan: Plan, dataset: str, model: str) -> None:
    assert "stem" not in plan.networks.settings(dataset, model)


def test_at_the_laptops_scale_nothing_is_pretrained_so_that_imagenet10_has_the_stem_too(root: Path) -> None:
    plan = Plan(load(root, CHOSEN | {"scale": "laptop"}))
    assert plan.networks.settings("imagenet10", "resnet34-atdual-s0")["stem"] == "quarter"
    assert "stem" not in plan.networks.settings("stl10", "resnet34-atdual-s0")


@pytest.mark.parametrize(
    ("model", "share"),
    [("resnet18-standard-s1", 16), ("densenet121-bottom0.1-standard-s1m1", 16), ("vgg19-standard-s1", 1),
     ("resnet50-v1-s0", 16)],
)  # fmt: skip
def test_time_follows_from_the_side_that_the_first_block_sees(plan: Plan, model: str, share: int) -> None:
    seen = (224 / 32) ** 2 / share
    arch = model.partition("-")[0]
    throughput = plan.lookup.config.settings["throughput"][arch]
    assert plan.networks.pass_seconds("imagenet", model) == pytest.approx(seen / throughput)


def test_a_stem_changes_networks_and_what_they_make_and_no_images(project: Project) -> None:
    before = Plan(project.load(scale="paper"))

    def whole(content: Any) -> None:
        content["imagenet"]["stem"] = "whole"

    project.edit(DATASETS, whole)
    after = Plan(project.load(scale="paper"))
    model = {"dataset": "imagenet", "model": "senet18-standard-s1"}
    assert before.stages["train"].canonical(**model) != after.stages["train"].canonical(**model)
    assert before.stages["dataset"].canonical(dataset="imagenet") == after.stages["dataset"].canonical(
        dataset="imagenet"
    )
    unstated = Plan(project.load(scale="paper"))
    project.edit(DATASETS, lambda content: content["imagenet"].pop("stem"))
    assert Plan(project.load(scale="paper")).stages["train"].canonical(**model) == (
        unstated.stages["train"].canonical(**model)
    )


@pytest.mark.parametrize(
    ("dataset", "stem", "allowed"),
    [("mnist", "quarter", "images of 32 x 32 or more"), ("fashion-mnist", "quarter", "whole, or images"),
     ("imagenet", "half", "whole.*quarter"), ("cifar10", 4, "whole.*quarter")],
)  # fmt: skip
def test_a_stem_that_cannot_be_is_refused(project: Project, dataset: str, stem: Any, allowed: str) -> None:
    project.edit(DATASETS, lambda content: content[dataset].update(stem=stem))
    with pytest.raises(LacunaError, match=rf"{dataset}\.stem: .*{allowed}"):
        project.load(scale="paper")
