"""GrabCut started by robust background detection: objects that stand out, and images in which nothing does."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lacuna.foreground.background import background_contrast
from lacuna.foreground.grabcut import COLOURS, cut_objects, grabcut

torch.set_num_threads(1)


def scene(seed: int, size: tuple[int, int] = (64, 64), channels: int = 3) -> tuple[Tensor, np.ndarray]:
    """A textured disc on another texture, which is all of the border."""
    draws = np.random.default_rng(seed)
    rows, columns = np.indices(size)
    centre = draws.uniform(0.4, 0.6, 2) * size
    inside = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < (0.25 * min(size)) ** 2
    colours = np.where(inside, 200, 60)[None] + draws.normal(0, 12, (channels, *size))
    colours += draws.uniform(-25, 25, (channels, 1, 1))
    return torch.from_numpy(colours.clip(0, 255).astype(np.uint8))[None], inside


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(64, 64), (96, 80), (32, 32)])
def test_an_object_that_stands_out_is_found(channels: int, size: tuple[int, int]) -> None:
    for seed in range(3):
        image, inside = scene(seed, size, channels)
        found = cut_objects(image)[0].numpy()
        assert (found & inside).sum() / (found | inside).sum() > 0.9


def test_contrast_is_higher_inside_than_at_the_border() -> None:
    image, inside = scene(1)
    contrast = background_contrast(image[0].permute(1, 2, 0).numpy())
    assert contrast.shape == inside.shape
    assert np.median(contrast[inside]) > 5 * contrast[0].max()
    assert contrast.min() > -1e-9
    assert contrast.max() < 1 + 1e-6


def test_each_image_has_its_own_answer_whatever_stands_beside_it() -> None:
    images = torch.cat([scene(seed)[0] for seed in range(4)])
    together = cut_objects(images)
    for turn in (range(4), (2, 0, 3, 1)):
        for i in turn:
            assert torch.equal(cut_objects(images[i : i + 1])[0], together[i])


@pytest.mark.parametrize("value", [0, 137, 255])
@pytest.mark.parametrize("size", [(1, 1), (5, 5), (28, 28), (3, 60)])
def test_an_image_of_one_colour_has_no_object(value: int, size: tuple[int, int]) -> None:
    assert not cut_objects(torch.full((2, 3, *size), value, dtype=torch.uint8)).any()


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (6, 6), (16, 16)])
def test_noise_of_any_size_has_an_answer_off_the_border(size: tuple[int, int]) -> None:
    images = torch.randint(0, 256, (3, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = cut_objects(images)
    assert found.shape == (3, *size)
    assert not torch.cat([found[:, 0], found[:, -1]], 1).any()


def test_a_start_with_too_few_pixels_on_either_side_is_the_answer() -> None:
    image = scene(0)[0][0].permute(1, 2, 0).numpy()
    few = np.zeros((64, 64), bool)
    few[30, 30 : 30 + COLOURS - 1] = True
    assert np.array_equal(grabcut(image, few), few)
    assert not grabcut(image, np.zeros((64, 64), bool)).any()
