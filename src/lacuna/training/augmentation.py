"""How training images are varied: crops, mirrors, lighting."""

from math import log
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

TRIES, RATIOS = 10, (3 / 4, 4 / 3)  # of a box, and its width by its height: torchvision's RandomResizedCrop
# Principal components of the colours of ImageNet's pixels in [0, 1]: a line per channel, and their deviations.
COMPONENTS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))
DEVIATIONS = (0.2175, 0.0188, 0.0045)


def augment_both(
    images: Tensor, masks: Tensor | None, recipe: dict[str, Any], generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """`augment`, with masks bool (B, H, W) cropped and flipped as their images are; what is padded is background."""
    if masks is None:
        return augment(images, recipe, generator), None
    both = _moved(torch.cat([images, masks[:, None].to(images.dtype) * 255], 1), recipe, generator)
    return _lit(both[:, :-1], recipe, generator), both[:, -1] > 127


def augment(images: Tensor, recipe: dict[str, Any], generator: torch.Generator) -> Tensor:
    """Random crops, mirrors and lighting of a batch uint8 (B, C, H, W) of squares, one draw per image.

    ``pad`` pixels of zeros stand around an image before a crop of its size is cut (paper, appendix D). ``crop`` cuts a
    box and scales it to the image's size; it is the smallest share of the area that a box may have (released code,
    ImageNet). ``flip`` mirrors half of the images. ``lighting`` adds to an image's colours a random mixture of
    ImageNet's principal components, and is the standard deviation of its weights (released code, ImageNet). Draws come
    from a CPU ``generator``, so that they do not depend on the device.
    """
    return _lit(_moved(images, recipe, generator), recipe, generator)


def _moved(images: Tensor, recipe: dict[str, Any], generator: torch.Generator) -> Tensor:
    how = recipe["augmentation"]
    if pad := how.get("pad"):
        images = _shifted(images, pad, generator)
    elif smallest := how.get("crop"):
        side = torch.full((len(images),), images.shape[-1])
        images = resized(images, boxes(side, side, smallest, generator))
    if how["flip"]:
        flipped = (torch.rand(len(images), generator=generator) < 0.5).to(images.device)
        images = torch.where(flipped[:, None, None, None], images.flip(3), images)
    return images


def _shifted(images: Tensor, pad: int, generator: torch.Generator) -> Tensor:
    count, _, height, width = images.shape
    padded = F.pad(images, (pad, pad, pad, pad))
    offsets = torch.randint(0, 2 * pad + 1, (2, count, 1), generator=generator)
    rows = (offsets[0] + torch.arange(height)).to(images.device)
    columns = (offsets[1] + torch.arange(width)).to(images.device)
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
    corners, sides = places.to(images.device, torch.float32).view(2, 2, -1)
    size = images.shape[-1]
    centres = (torch.arange(size, device=images.device) + 0.5) * (sides / size)[..., None] - 0.5
    at = corners[..., None] + torch.minimum(centres.clamp(min=0), sides[..., None] - 1)  # nothing from outside a box
    rows, columns = (2 * at + 1) / size - 1
    grid = torch.stack([columns[:, None, :].expand(-1, size, -1), rows[:, :, None].expand(-1, -1, size)], -1)
    made = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return made.round().clamp(0, 255).to(torch.uint8)


def _lit(images: Tensor, recipe: dict[str, Any], generator: torch.Generator) -> Tensor:
    deviation = recipe["augmentation"].get("lighting")
    if not deviation:
        return images
    weights = deviation * torch.randn(len(images), 3, generator=generator) * torch.tensor(DEVIATIONS)
    added = (255 * weights @ torch.tensor(COMPONENTS).T).to(images.device)
    return (images + added[:, :, None, None]).round().clamp(0, 255).to(torch.uint8)
