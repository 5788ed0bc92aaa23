"""Images with another texture. It needs no network: the model may be None."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws


def stylise(model: nn.Module | None, x: Tensor, labels: Tensor, *, draws: Draws) -> Tensor:
    """Keeps the shape of each image (B, C, H, W) in [0, 1] and replaces its texture by a random one.

    It stands in for Stylized-ImageNet where there is no style transfer. Otsu's threshold of the blurred brightness
    splits an image in two regions. Each region gets its mean colour, modulated by a texture of its own as strongly as
    [0, 1] allows. Outline and mean colours remain (a dark background stays dark), and all detail inside is new. The
    numbers are not comparable with those on Stylized-ImageNet.
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
