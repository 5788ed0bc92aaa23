"""The stand-in for Stylized-ImageNet as Tables 1 and 11 use it: shape stays, texture goes; shuffling is the reverse."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.shuffle import shuffle
from lacuna.attacks.stylised import stylise
from lacuna.data.sources import load_splits

torch.set_num_threads(1)
CLASSES = range(10)
Split = tuple[Tensor, Tensor]


@pytest.fixture(scope="module")
def garments(root: Any) -> dict[str, Split]:
    """Test images are those of the embedded data, pixels in [0, 1]; training images are the first 200 of a class."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        entry = yaml.safe_load((root / "config/datasets.yaml").read_text())["fashion-mnist-subset"]
        splits = load_splits("fashion-mnist-subset", entry)
    return {split: chosen(*part, count) for (split, part), count in zip(splits.items(), (200, 60), strict=True)}


def chosen(images: Tensor, labels: Tensor, count: int) -> Split:
    ids = torch.cat([(labels == name).nonzero().flatten()[:count] for name in CLASSES])
    return images[ids] / 255, torch.arange(len(CLASSES)).repeat_interleave(count)


def draws(x: Tensor) -> Draws:
    return Draws(0, tuple(range(len(x))))


def silhouettes(x: Tensor) -> Tensor:
    return (x > 0.1).float()


def restyled(x: Tensor) -> Tensor:
    return stylise(None, x, torch.zeros(len(x)), draws=draws(x))


def shuffled(x: Tensor) -> Tensor:
    return shuffle(None, x, torch.zeros(len(x)), k=4, draws=draws(x))


def trained(x: Tensor, labels: Tensor) -> nn.Module:
    """A small network on what it is given."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 8, 5, 2, 2), nn.ReLU(), nn.Conv2d(8, 16, 5, 2, 2), nn.ReLU(), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(16 * 49, len(CLASSES)))
    optimiser = torch.optim.Adam(model.parameters(), 0.003)
    for _ in range(6):
        for part in torch.split(torch.randperm(len(x)), 32):
            optimiser.zero_grad()
            F.cross_entropy(model(x[part]), labels[part]).backward()
            optimiser.step()
    return model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, labels: Tensor) -> float:
    return model(x).argmax(1).eq(labels).double().mean().item()


def read(data: dict[str, Split], train: Callable[[Tensor], Tensor], *tests: Callable[[Tensor], Tensor]) -> list[float]:
    """Accuracy of a network trained on ``train`` of the training images, on each of ``tests`` of the test images."""
    model = trained(train(data["train"][0]), data["train"][1])
    x, labels = data["test"]
    return [accuracy(model, test(x), labels) for test in tests]


def test_a_network_that_sees_silhouettes_reads_stylised_but_not_shuffled_ones(
    garments: dict[str, Split],
) -> None:
    own, styled, moved = read(garments, silhouettes, silhouettes, restyled, shuffled)
    assert own > 0.7
    assert styled > own - 0.2
    assert moved < 0.3, "chance is 0.1"


def test_a_network_that_sees_patches_reads_stylised_images_worse(garments: dict[str, Split]) -> None:
    """Not at chance: areas and mean colours remain in stylised images, and tell some garments apart."""
    [styled] = read(garments, silhouettes, restyled)
    own, patched = read(garments, shuffled, shuffled, restyled)
    assert own > 0.4
    assert patched < styled - 0.15
