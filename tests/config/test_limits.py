"""The limits that settings are refused by are those of the code: what is allowed works, what is beyond does not."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
import torch
import yaml
from torch import nn

from lacuna.config.datasets import PUBLISHED
from lacuna.config.fits import SMALLEST_SIDE, fewest_neurons
from lacuna.config.masks import SEGMENTED
from lacuna.config.scales import NARROWEST, WIDEST, check_scale
from lacuna.errors import LacunaError
from lacuna.language.models import ARCHITECTURES, parse_model
from lacuna.models.build import build_model, mask_report
from lacuna.training.loop import batches
from lacuna.training.objective import smoothed_cross_entropy
from lacuna.training.recipe import learning_rate

if TYPE_CHECKING:
    from pathlib import Path

    from projects import Project

torch.set_num_threads(1)


def built(model: str, side: int, width: Fraction = Fraction(1, 16), place: str = "released_code") -> nn.Module:
    how: dict[str, Any] = {"mean": torch.zeros(1, 1, 1), "std": torch.ones(1, 1, 1), "seed": 0, "mask_place": place}
    return build_model(parse_model(model), (1, side, side), 10, width=width, **how).eval()


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_smallest_images_of_each_architecture(arch: str) -> None:
    smallest = SMALLEST_SIDE.get(arch, 1)
    for side in (smallest, smallest + 1):
        assert built(f"{arch}-standard-s0", side)(torch.zeros(2, 1, side, side)).shape == (2, 10)
    if smallest > 1:
        with pytest.raises(RuntimeError, match="Output size is too small"):
            built(f"{arch}-standard-s0", smallest - 1)(torch.zeros(2, 1, smallest - 1, smallest - 1))


PLACES = {"bottom": "bottom0.5", "nostem": "nostem0.5", "top": "top0.5", "sm": "sm0.5"}
SIZES = list(product((8, 13), (Fraction(1, 8), Fraction(1, 32))))


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("place", ["released_code", "paper"])
def test_no_layer_that_carries_masks_has_fewer_neurons_than_a_refusal_says(arch: str, place: str) -> None:
    """Where a refusal counts more than the smallest layer has, it would still be right to refuse."""
    for (where, part), (side, width) in product(PLACES.items(), SIZES):
        network = built(f"{arch}-{part}-standard-s0m0", side, width, place)
        shapes = [row["shape"] for row in mask_report(network)]
        counts = [h * w if where == "sm" else c * h * w for c, h, w in shapes]  # type: ignore[misc]
        assert counts, (arch, part)
        assert min(counts) <= fewest_neurons(where, side, width)


def test_doubled_networks_count_twice_the_channels() -> None:
    for side, width in SIZES:
        network = built("resnet18x2-bottom0.5-standard-s0m0", side, width)
        counts = [row["shape"][0] * row["shape"][1] * row["shape"][2] for row in mask_report(network)]  # type: ignore[index]
        assert min(counts) <= fewest_neurons("bottom", side, 2 * width)


def test_the_widest_networks_have_less_than_a_milliard_parameters_and_the_next_have_more() -> None:
    largest = max(architecture.parameters for architecture in ARCHITECTURES.values())
    assert largest * WIDEST**2 < 10**9 < largest * (WIDEST + 1) ** 2


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_narrower_networks_than_the_narrowest_are_all_the_same(arch: str) -> None:
    def shapes(width: Fraction) -> list[tuple[int, ...]]:
        return [tuple(t.shape) for t in built(f"{arch}-standard-s0", 8, width).state_dict().values()]

    assert shapes(NARROWEST) == shapes(NARROWEST / 1000)


def test_some_network_is_wider_above_the_narrowest() -> None:
    wider = [built(f"{arch}-standard-s0", 8, NARROWEST * 3 / 2).state_dict() for arch in ARCHITECTURES]
    narrow = [built(f"{arch}-standard-s0", 8, NARROWEST).state_dict() for arch in ARCHITECTURES]
    assert any(a[key].shape != b[key].shape for a, b in zip(wider, narrow, strict=True) for key in a)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_label_smoothing_up_to_the_limit_prefers_the_true_class(classes: int) -> None:
    limit, labels = 1 - 1 / classes, torch.zeros(1, dtype=torch.int64)

    def gain(share: float) -> float:
        """How much a higher logit of the true class lowers the loss."""
        logits = torch.zeros(1, classes, requires_grad=True)
        smoothed_cross_entropy(logits, labels, share).backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        return -float(logits.grad[0, 0])

    assert gain(limit - 0.01) > 0
    assert gain(limit) == pytest.approx(0, abs=1e-6)
    with pytest.raises(RuntimeError, match="label_smoothing"):
        gain(limit + 0.01)


@pytest.mark.parametrize("seed", range(20))
def test_a_recipe_that_is_taken_has_a_step_above_zero(table3: Project, seed: int) -> None:
    """Onecycle begins at 0: where its only step is the first, nothing is learned."""
    draw, config = random.Random(seed), table3.load()
    images = draw.randint(10, 14)
    recipe = {
        **config.settings["recipes"]["fashion-mnist-subset"],
        "epochs_of": {},
        "epochs": draw.randint(1, 2),
        "batch_size": draw.randint(2, images),
    }
    settings = {**config.settings, "recipes": {**config.settings["recipes"], "fashion-mnist-subset": recipe}}
    small = {**config.datasets, "fashion-mnist-subset": {**config.datasets["fashion-mnist-subset"], "train": images}}
    steps = [len(part) for part in batches(torch.arange(images), recipe["batch_size"])]
    rates = [
        learning_rate(recipe, epoch + sum(steps[:i]) / images)
        for epoch in range(recipe["epochs"])
        for i in range(len(steps))
    ]
    if any(rates):
        check_scale("f", settings, small)
    else:
        with pytest.raises(LacunaError, match="onecycle begins at 0"):
            check_scale("f", settings, small)


def test_published_datasets_are_as_the_entries_that_come_along_say(root: Path) -> None:
    entries = yaml.safe_load((root / "config/datasets.yaml").read_text()).values()
    named = {entry["source"].get("name", entry["source"]["kind"]) for entry in entries}
    assert set(PUBLISHED) <= named  # `check_datasets` has compared them
    assert {name: size.classes for name, size in PUBLISHED.items() if size.classes != 10} == {"photographs": 1000}


@pytest.mark.parametrize("network", ["deeplabv3_resnet50", "deeplabv3_mobilenet_v3_large", "fcn_resnet101"])
def test_segmented_classes_are_torchvisions(network: str) -> None:
    from torchvision.models import get_model_weights

    assert tuple(get_model_weights(network).DEFAULT.meta["categories"]) == SEGMENTED
