"""Learning rates and augmentation, as functions of numbers alone."""

from bisect import bisect_right
from math import cos, pi
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def learning_rate(recipe: dict[str, Any], epoch: float) -> float:
    """Learning rate at ``epoch`` (0 at the start, counted in fractions).

    ``multistep`` multiplies by ``factor`` at each milestone (paper, appendix D); ``onecycle`` rises linearly
    during the share ``warmup`` of the training and falls along a cosine to zero.
    """
    schedule, peak = recipe["schedule"], float(recipe["learning_rate"])
    if schedule["name"] == "multistep":
        return peak * float(schedule["factor"]) ** bisect_right(schedule["milestones"], epoch)
    done = epoch / recipe["epochs"]
    if done < schedule["warmup"]:
        return peak * done / schedule["warmup"]
    return peak * (1 + cos(pi * (done - schedule["warmup"]) / (1 - schedule["warmup"]))) / 2


def augment_both(
    images: Tensor, masks: Tensor | None, recipe: dict[str, Any], generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """`augment`, with masks bool (B, H, W) cropped and flipped as their images are; what is padded is background."""
    if masks is None:
        return augment(images, recipe, generator), None
    both = augment(torch.cat([images, masks[:, None].to(images.dtype)], 1), recipe, generator)
    return both[:, :-1], both[:, -1] > 0


def augment(images: Tensor, recipe: dict[str, Any], generator: torch.Generator) -> Tensor:
    """Zero-padded random crop and random horizontal flip of a batch uint8 (B, C, H, W), one draw per image.

    Draws come from a CPU ``generator``, so that they do not depend on the device.
    """
    count, _, height, width = images.shape
    if pad := recipe["augmentation"]["pad"]:
        padded = F.pad(images, (pad, pad, pad, pad))
        offsets = torch.randint(0, 2 * pad + 1, (2, count, 1), generator=generator)
        rows = (offsets[0] + torch.arange(height)).to(images.device)
        columns = (offsets[1] + torch.arange(width)).to(images.device)
        batch = torch.arange(count, device=images.device)[:, None, None]
        images = padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    if recipe["augmentation"]["flip"]:
        flipped = (torch.rand(count, generator=generator) < 0.5).to(images.device)
        images = torch.where(flipped[:, None, None, None], images.flip(3), images)
    return images
