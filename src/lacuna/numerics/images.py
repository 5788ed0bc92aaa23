"""Converts 8-bit images to pixels that networks take, and back."""

import torch
from torch import Tensor


def as_pixels(images: Tensor) -> Tensor:
    """Images uint8 (B, C, H, W) as float32 in [0, 1], in the memory layout on which convolutions are fastest."""
    return (images.float() / 255).contiguous(memory_format=torch.channels_last)


def to_bytes(pixels: Tensor) -> Tensor:
    """Pixels in [0, 1] as uint8, rounded to nearest: what a saved PNG would hold (released code)."""
    return pixels.mul(255).round_().clamp_(0, 255).to(torch.uint8)
