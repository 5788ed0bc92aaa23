"""How training images are varied: crops, mirrors, lighting."""

from collections.abc import Mapping
from math import log
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

TRIES, RATIOS = 10, (3 / 4, 4 / 3)  # of a box, and its width by its height: torchvision's RandomResizedCrop
# Principal components of the colours of ImageNet's pixels in [0, 1]: a line per channel, and their deviations.
COMPONENTS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))
DEVIATIONS = (0.2175, 0.0188, 0.0045)


def draw(count: int, side: int, how: Mapping[str, Any], generator: torch.Generator) -> dict[str, Tensor]:
    """What varies ``count`` squares of ``side`` pixels, one draw per image: tensors by name, the images first in each.

    ``how`` is a recipe's augmentation.
    ``pad`` pixels of zeros stand around an image before a crop of its size is cut (paper, appendix D); ``offsets``
    int64 (B, 2) say where. ``crop`` cuts a box and scales it to the image's size; it is the smallest share of the area
    that a box may have (released code, ImageNet), and ``boxes`` int64 (B, 4) are the boxes. ``flip`` mirrors half of
    the images, those that are ``flipped``, bool (B,). ``lighting`` adds to an image's colours a random mixture of
    ImageNet's principal components, and is the standard deviation of its weights (released code, ImageNet); ``added``
    float32 (B, 3) is the mixture. Draws come from a CPU ``generator``, so that they do not depend on the device.
    """
    drawn: dict[str, Tensor] = {}
    if pad := how.get("pad"):
        drawn["offsets"] = torch.randint(0, 2 * pad + 1, (2, count), generator=generator).T
    elif smallest := how.get("crop"):
        sides = torch.full((count,), side)
        drawn["boxes"] = boxes(sides, sides, smallest, generator).T
    if how.get("flip"):
        drawn["flipped"] = torch.rand(count, generator=generator) < 0.5
    if deviation := how.get("lighting"):
        weights = deviation * torch.randn(count, 3, generator=generator) * torch.tensor(DEVIATIONS)
        drawn["added"] = 255 * weights @ torch.tensor(COMPONENTS).T
    return drawn


def vary(images: Tensor, masks: Tensor | None, drawn: Mapping[str, Tensor], pad: int) -> tuple[Tensor, Tensor | None]:
    """Images uint8 (B, C, H, W), varied by what was `draw`n for them, on one device. Nothing waits for the device.

    ``pad`` is the augmentation's. Masks bool (B, H, W) are cropped and flipped as their images are; what is padded is
    background.
    """
    if masks is None:
        return _lit(_moved(images, drawn, pad), drawn), None
    both = _moved(torch.cat([images, masks[:, None].to(images.dtype) * 255], 1), drawn, pad)
    return _lit(both[:, :-1], drawn), both[:, -1] > 127


def _moved(images: Tensor, drawn: Mapping[str, Tensor], pad: int) -> Tensor:
    if "offsets" in drawn:
        images = _shifted(images, drawn["offsets"], pad)
    elif "boxes" in drawn:
        images = resized(images, drawn["boxes"].T)
    if "flipped" in drawn:
        images = torch.where(drawn["flipped"][:, None, None, None], images.flip(3), images)
    return images


def _shifted(images: Tensor, offsets: Tensor, pad: int) -> Tensor:
    count, _, height, width = images.shape
    padded = F.pad(images, (pad, pad, pad, pad))
    rows = offsets[:, :1] + torch.arange(height, device=images.device)
    columns = offsets[:, 1:] + torch.arange(width, device=images.device)
    batch = torch.arange(count, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def boxes(height: Tensor, width: Tensor, smallest: float, generator: torch.Generator) -> Tensor:
    """A box in each image of these sizes, int64 (N,) each: int64 (4, N), top, left, height, width.

    They are drawn as torchvision's RandomResizedCrop draws them: the share of the area evenly from ``smallest`` to 1,
    the logarithm of the ratio evenly between those of 3/4 and 4/3, ten times at most until the box fits. Else it is the
    largest in the middle whose ratio is between them, of a square the whole.
    """
    share, ratio = torch.rand(2, TRIES, len(height), generator=generator, dtype=torch.float64)
    low, high = map(log, RATIOS)
    area, ratio = height * width * (smallest + (1 - smallest) * share), torch.exp(low + (high - low) * ratio)
    sides = torch.stack([(area / ratio).sqrt(), (area * ratio).sqrt()]).round().long()
    most = torch.stack([height, width])
    fits = ((sides >= 1) & (sides <= most[:, None])).all(0)
    chosen = sides.gather(1, fits.byte().argmax(0).expand(2, 1, -1))[:, 0]
    chosen = torch.where(fits.any(0), chosen, _largest(height, width))
    corner = torch.rand(2, len(height), generator=generator, dtype=torch.float64) * (most - chosen + 1)
    corner = torch.where(fits.any(0), corner.long(), (most - chosen) // 2)
    return torch.cat([corner, chosen])


def _largest(height: Tensor, width: Tensor) -> Tensor:
    """The sides (2, N) of the largest box in each image whose ratio is between `RATIOS`."""
    low, high = RATIOS
    return torch.stack(
        [torch.minimum(height, (width / low).round()), torch.minimum(width, (height * high).round())]
    ).long()


def resized(images: Tensor, places: Tensor) -> Tensor:
    """The `boxes` of images uint8 (B, C, H, W), each scaled to the image's size: bilinear, rounded to 8 bits."""
    corners, sides = places.to(images.device, torch.float32).reshape(2, 2, -1)
    size = images.shape[-1]
    centres = (torch.arange(size, device=images.device) + 0.5) * (sides / size)[..., None] - 0.5
    at = corners[..., None] + torch.minimum(centres.clamp(min=0), sides[..., None] - 1)  # nothing from outside a box
    rows, columns = (2 * at + 1) / size - 1
    grid = torch.stack([columns[:, None, :].expand(-1, size, -1), rows[:, :, None].expand(-1, -1, size)], -1)
    made = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return made.round().clamp(0, 255).to(torch.uint8)


def _lit(images: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
    if "added" not in drawn:
        return images
    return (images + drawn["added"][:, :, None, None]).round().clamp(0, 255).to(torch.uint8)
