"""Images varied by fresh draws, as a step of a training varies them."""

from typing import Any

import torch
from torch import Tensor

from lacuna.training.augmentation import draw, vary


def augment(images: Tensor, recipe: dict[str, Any], generator: torch.Generator) -> Tensor:
    """Images uint8 (B, C, H, W)."""
    return augment_both(images, None, recipe, generator)[0]


def augment_both(
    images: Tensor, masks: Tensor | None, recipe: dict[str, Any], generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """With masks bool (B, H, W)."""
    how = recipe["augmentation"]
    return vary(images, masks, draw(len(images), images.shape[-1], how, generator), how.get("pad", 0))
