"""The scales that come along, as they are."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from lacuna.names import ARCHITECTURES

if TYPE_CHECKING:
    from conftest import Project


@pytest.mark.parametrize("scale", ["demo", "laptop", "paper"])
@pytest.mark.parametrize("mask_place", ["released_code", "paper"])
def test_every_scale_loads(project: Project, scale: str, mask_place: str) -> None:
    config = project.load(scale=scale, seed=3, mask_place=mask_place)
    assert (config.scale, config.seed, config.mask_place) == (scale, 3, mask_place)
    assert set(config.settings["seconds"]) == set(ARCHITECTURES)
    assert "table3" in config.papers["defective"]["tables"]


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
