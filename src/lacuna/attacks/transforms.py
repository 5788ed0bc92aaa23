"""Sets made without a network: Gaussian noise, shuffled patches, replaced texture. The model may be None."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.draws import Draws
from lacuna.errors import LacunaError


def gaussian(model: nn.Module | None, x: Tensor, labels: Tensor, *, sigma: float, draws: Draws) -> Tensor:
    """Adds Gaussian noise of standard deviation ``sigma`` (pixel units) to every value; Section 4.3.

    Noise outside +-2 sigma is set to +-2 sigma, as the paper says, and the result clipped to [0, 1]. Images
    (B, C, H, W) in [0, 1].
    """
    return (x + sigma * draws.normal("noise", x).clamp_(-2, 2)).clamp_(0, 1)


def shuffle(model: nn.Module | None, x: Tensor, labels: Tensor, *, k: int, pad: bool = False, draws: Draws) -> Tensor:
    """Cuts each image (B, C, H, W) into k x k patches and permutes them at random, all channels alike (Table 1).

    The permutation may be the identity (released code). Raises `LacunaError` where height or width is no multiple
    of ``k``; with ``pad`` the image is first padded with zeros to the next multiple and cut back to its size
    afterwards, since networks with masks take no other size.
    """
    height, width = x.shape[2:]
    more_rows, more_columns = -height % k, -width % k
    if (more_rows or more_columns) and not pad:
        raise LacunaError(f"shuffle: images of {height} x {width} have no {k} x {k} equal patches; set pad: true")
    top, left = more_rows // 2, more_columns // 2
    padded = F.pad(x, (left, more_columns - left, top, more_rows - top))
    order = torch.stack([torch.randperm(k * k, generator=g) for g in draws.generators("patches")]).to(x.device)
    return _patches_in_order(padded, k, order)[:, :, top : top + height, left : left + width]


def _patches_in_order(x: Tensor, k: int, order: Tensor) -> Tensor:
    """Images whose patch at place i, row by row, is the patch ``order[:, i]`` of ``x``."""
    count, channels, height, width = x.shape
    grid = x.reshape(count, channels, k, height // k, k, width // k).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    moved = grid[torch.arange(count, device=x.device)[:, None], order]
    rows = moved.reshape(count, k, k, channels, height // k, width // k)
    return rows.permute(0, 3, 1, 4, 2, 5).reshape(x.shape)


def stylised(model: nn.Module | None, x: Tensor, labels: Tensor, *, draws: Draws) -> Tensor:
    """Keeps the shape of each image (B, C, H, W) in [0, 1] and replaces its texture by a random one.

    A stand-in for Stylized-ImageNet where there is no style transfer: an image is split in two regions at Otsu's
    threshold of its blurred brightness, and each region filled with its mean colour modulated by a texture of its
    own, as strongly as [0, 1] allows. Outline and mean colours remain (a dark background stays dark), all detail
    inside is new. The numbers are not comparable with those on Stylized-ImageNet.
    """
    generators = draws.generators("texture")
    return torch.stack([_restyled(image, generator) for image, generator in zip(x, generators, strict=True)])


def _restyled(image: Tensor, generator: torch.Generator) -> Tensor:
    inside = _silhouette(image)
    made = torch.zeros_like(image)
    for region in (inside, ~inside):
        colour = (image * region).sum((1, 2)) / region.sum().clamp(min=1)
        room = torch.minimum(colour, 1 - colour)
        texture = _texture(image.shape[1:], generator).to(image)
        made += region * (colour[:, None, None] + room[:, None, None] * texture)
    return made.clamp_(0, 1)


def _silhouette(image: Tensor) -> Tensor:
    """Where the image (C, H, W), blurred, is brighter than Otsu's threshold; bool (H, W)."""
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=image.dtype, device=image.device) / 16
    bright = F.pad(image.mean(0)[None, None], (2, 2, 2, 2), mode="replicate")
    blurred = F.conv2d(F.conv2d(bright, kernel.view(1, 1, 1, 5)), kernel.view(1, 1, 5, 1))[0, 0]
    return blurred > _otsu(blurred)


def _otsu(values: Tensor) -> float:
    """The threshold, on 255 steps of [0, 1], that parts values with the largest variance between the two classes."""
    steps = (torch.arange(255, device=values.device, dtype=values.dtype) + 0.5) / 255
    above = values.flatten() > steps[:, None]
    share = above.double().mean(1)
    high = (above * values.flatten()).double().mean(1)
    total = values.double().mean()
    between = (total * share - high) ** 2 / (share * (1 - share)).clamp(min=1e-12)
    return float(steps[between.argmax()])


def _texture(size: torch.Size, generator: torch.Generator, waves: int = 4) -> Tensor:
    """Sum of plane waves of random direction, phase and length (2.5 to 8 pixels), float64 (H, W) in [-1, 1]."""
    direction, phase, pace = torch.rand(3, waves, 1, 1, generator=generator, dtype=torch.float64)
    direction, frequency = 2 * math.pi * direction, 2 * math.pi * (0.125 + 0.275 * pace)
    rows, columns = torch.arange(size[0]).view(1, -1, 1), torch.arange(size[1]).view(1, 1, -1)
    along = direction.cos() * columns + direction.sin() * rows
    field = (frequency * along + 2 * math.pi * phase).cos().sum(0)
    return field / field.abs().max()
