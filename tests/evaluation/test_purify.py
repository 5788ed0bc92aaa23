"""Defenses before a network: known answers, second implementations, and what holds on any images."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.evaluation.defenses import DefendedNetwork
from lacuna.numerics.images import to_bytes
from lacuna.purify import bit_depth, jpeg, median, total_variation

torch.set_num_threads(1)
SHAPES = [(1, 28, 28), (3, 32, 32), (3, 17, 9), (1, 8, 64)]
DEFENSES: list[tuple[Callable[..., Tensor], dict[str, Any]]] = [
    (jpeg, {"quality": 75}),
    (jpeg, {"quality": 30, "subsampling": "4:4:4"}),
    (bit_depth, {"bits": 3}),
    (median, {"size": 3}),
    (total_variation, {"weight": 0.1}),
]


def images(shape: tuple[int, int, int], seed: int, count: int = 5) -> Tensor:
    """Gradients with noise, float32 in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    slope = torch.linspace(0, 1, shape[2]).expand(count, *shape) * torch.rand(
        count, shape[0], 1, 1, generator=generator
    )
    return (slope + 0.2 * torch.randn(count, *shape, generator=generator)).clamp_(0, 1)


@pytest.mark.parametrize(("defense", "how"), DEFENSES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_images_stay_images_and_each_is_cleaned_by_itself(
    defense: Callable[..., Tensor], how: dict[str, Any], shape: tuple[int, int, int], dtype: torch.dtype
) -> None:
    x = images(shape, 0).to(dtype).contiguous(memory_format=torch.channels_last)
    before = x.clone()
    made = defense(x, **how)
    assert (made.shape, made.dtype) == (x.shape, dtype)
    assert made.min() >= 0
    assert made.max() <= 1
    assert torch.equal(x, before)
    assert not torch.equal(made, x)
    assert torch.equal(defense(x, **how), made)
    for i in range(len(x)):
        assert torch.equal(defense(x[i : i + 1], **how)[0], made[i])
    flat = torch.full((2, *shape), 1.0, dtype=dtype)
    for level in (0.0, 1.0):
        torch.testing.assert_close(defense(flat * level, **how), flat * level, rtol=0, atol=1e-6)


def pillow(image: Tensor, quality: int, subsampling: str) -> Tensor:
    """One image through a JPEG, by hand."""
    pixels = to_bytes(image).permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).save(
        file, format="jpeg", quality=quality, subsampling=subsampling
    )
    read = np.array(Image.open(file)).reshape(pixels.shape)
    return torch.from_numpy(read).permute(2, 0, 1).float() / 255


@pytest.mark.parametrize("quality", [10, 50, 95])
@pytest.mark.parametrize("shape", SHAPES)
def test_jpeg_is_pillows(shape: tuple[int, int, int], quality: int) -> None:
    x = images(shape, quality)
    made = {s: jpeg(x, quality=quality, subsampling=s) for s in ("4:4:4", "4:2:0")}
    for subsampling, seen in made.items():
        theirs = torch.stack([pillow(image, quality, subsampling) for image in x])
        torch.testing.assert_close(seen, theirs, rtol=0, atol=1e-7)
    assert torch.equal(jpeg(x, quality=quality), made["4:2:0"])
    assert torch.equal(made["4:4:4"], made["4:2:0"]) == (shape[0] == 1)


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_jpeg_loses_more_at_lower_quality_and_keeps_what_it_made(shape: tuple[int, int, int]) -> None:
    x = images(shape, 1, 20)
    errors = [(jpeg(x, quality=q, subsampling="4:4:4") - x).square().mean().item() for q in (95, 75, 50, 30, 10)]
    assert errors == sorted(errors)
    once = jpeg(x, quality=50, subsampling="4:4:4")
    again = jpeg(once, quality=50, subsampling="4:4:4")
    assert (again - once).square().mean() < 0.2 * (once - x).square().mean()


@pytest.mark.parametrize("bits", [1, 3, 6, 8])
def test_bit_depth_leaves_that_many_levels_and_changes_them_no_more(bits: int) -> None:
    x = torch.linspace(0, 1, 4096, dtype=torch.float64).view(1, 1, 64, 64)
    made = bit_depth(x, bits=bits)
    assert made.unique().tolist() == pytest.approx([i / (2**bits - 1) for i in range(2**bits)])
    assert (made - x).abs().max() <= 0.5 / (2**bits - 1) + 1e-12
    torch.testing.assert_close(bit_depth(made, bits=bits), made, rtol=0, atol=1e-15)
    levels = torch.arange(256, dtype=torch.float32).view(1, 1, 16, 16) / 255
    assert torch.equal(to_bytes(bit_depth(levels, bits=8)), to_bytes(levels))


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("shape", SHAPES)
def test_median_is_that_of_the_mirrored_neighbours(shape: tuple[int, int, int], size: int) -> None:
    x, half = images(shape, 2, 2), size // 2
    made = median(x, size=size)
    padded = np.pad(x.numpy(), [(0, 0), (0, 0), (half, half), (half, half)], mode="symmetric")
    for b, c, i, j in np.ndindex(2, shape[0], min(shape[1], 12), shape[2]):
        assert made[b, c, i, j].item() == np.median(padded[b, c, i : i + size, j : j + size])


def test_median_removes_a_lone_pixel_and_keeps_an_edge() -> None:
    x = torch.zeros(1, 1, 9, 9)
    x[..., 5:] = 1
    spoiled = x.clone()
    spoiled[0, 0, 2, 2] = 1
    assert torch.equal(median(spoiled, size=3), x)
    assert torch.equal(median(x, size=3), x)


def variation(x: Tensor) -> Tensor:
    return x.diff(dim=2).abs().sum() + x.diff(dim=3).abs().sum()


@pytest.mark.parametrize("shape", SHAPES)
def test_total_variation_falls_with_the_weight_and_means_stay(shape: tuple[int, int, int]) -> None:
    x = images(shape, 3)
    made = [total_variation(x, weight=weight) for weight in (0.01, 0.05, 0.2, 1.0)]
    variations = [variation(m).item() for m in (x, *made)]
    assert variations == sorted(variations, reverse=True)
    torch.testing.assert_close(made[1].mean((2, 3)), x.mean((2, 3)), rtol=0, atol=0.02)
    assert (total_variation(x, weight=1e-6) - x).abs().max() < 1e-3


def test_other_numbers_of_channels_are_refused_for_jpeg() -> None:
    with pytest.raises(LacunaError, match="2 channels; allowed for image files: 1 or 3"):
        jpeg(torch.zeros(1, 2, 8, 8), quality=75)


@pytest.mark.parametrize(("defense", "how"), DEFENSES)
def test_a_network_sees_the_cleaned_image(defense: Callable[..., Tensor], how: dict[str, Any]) -> None:
    x = images((3, 16, 16), 4)
    defended = DefendedNetwork({"function": f"lacuna.purify:{defense.__name__}", "arguments": how}, nn.Flatten())
    assert torch.equal(defended(x), defense(x, **how).flatten(1))
