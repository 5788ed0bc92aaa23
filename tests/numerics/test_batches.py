"""The batch on a processor: what was asked for while layers are small, fewer images where they are large."""

from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import nn

from lacuna.language.models import parse_model
from lacuna.models.build import build_model
from lacuna.numerics.batches import LARGEST, fitting_batch


def layers(*widths: int) -> nn.Module:
    """Layers of so many channels, at the images' resolution."""
    return nn.Sequential(*(nn.LazyConv2d(width, 1) for width in widths)).eval()


@pytest.mark.parametrize(("side", "widths"), [(8, (3, 5)), (32, (64, 64)), (224, (2, 96, 1)), (224, (16,)), (5, (1,))])
@pytest.mark.parametrize("asked", [1, 8, 125, 500])
def test_the_largest_layer_of_a_batch_stays_within_the_limit(side: int, widths: tuple[int, ...], asked: int) -> None:
    images = torch.zeros(3, 3, side, side, dtype=torch.uint8)
    batch = fitting_batch(layers(*widths), images, asked)
    largest = 4 * side * side * max(widths)
    assert 1 <= batch <= asked
    assert batch * largest <= LARGEST or batch == 1
    assert batch == asked or (batch + 1) * largest > LARGEST


def test_what_a_single_image_needs_is_never_refused() -> None:
    images = torch.zeros(1, 1, 3000, 3000, dtype=torch.uint8)
    assert fitting_batch(layers(1), images, 10) == 1


def test_without_a_network_or_images_the_batch_is_what_was_asked_for() -> None:
    assert fitting_batch(None, torch.zeros(2, 1, 4, 4, dtype=torch.uint8), 77) == 77
    assert fitting_batch(layers(4), torch.zeros(0, 1, 4, 4, dtype=torch.uint8), 77) == 77


def test_looking_leaves_neither_hooks_nor_another_state() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 2)).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fitting_batch(network, torch.randint(0, 256, (4, 1, 4, 4), dtype=torch.uint8), 9)
    assert not any(module._forward_hooks for module in network.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_results_of_the_papers_width_on_small_images_are_of_the_batch_that_was_asked_for() -> None:
    how: dict[str, Any] = {
        "mask_place": "paper",
        "seed": 0,
        "mean": torch.zeros(1, 3, 1, 1),
        "std": torch.ones(1, 3, 1, 1),
    }
    network = build_model(parse_model("resnet18-standard-s0"), (3, 32, 32), 10, width=Fraction(1), **how).eval()
    assert fitting_batch(network, torch.zeros(2, 3, 32, 32, dtype=torch.uint8), 125) == 125
