"""Thermometer encoding: a first layer that makes gradients of pixels useless (Buckman et al. 2018)."""

import torch
from torch import Tensor, nn


class Thermometer(nn.Module):
    """Encodes pixels (B, C, H, W) in [0, 1] as (B, C * levels, H, W) of 0 and 1, each channel's levels together.

    A pixel has the level floor(pixel * levels), at most levels - 1; channel k of its encoding is 1 where the level
    is at least k. An attack works on a relaxation: probabilities of levels instead of one level, see `relaxed`.
    """

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def level(self, x: Tensor) -> Tensor:
        """Level of each pixel, int64 of the shape of ``x``."""
        return (x * self.levels).long().clamp(0, self.levels - 1)

    def relaxed(self, probabilities: Tensor) -> Tensor:
        """Expected encoding (B, C * levels, H, W) under probabilities of levels (B, C, levels, H, W), differentiable.

        Probability 1 on a pixel's own level gives its encoding.
        """
        at_least = probabilities.flip(2).cumsum(2).flip(2)
        return at_least.flatten(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        steps = torch.arange(self.levels, device=x.device).view(1, 1, -1, 1, 1)
        return (self.level(x).unsqueeze(2) >= steps).flatten(1, 2).to(x.dtype)
