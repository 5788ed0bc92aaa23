"""Thermometer encoding: pixels as rows of zeros and ones, in place of normalisation (Buckman et al. 2018)."""

import torch
from torch import Tensor, nn

from lacuna.errors import LacunaError


class Thermometer(nn.Module):
    """The first layer of a network: each pixel value becomes ``levels`` numbers, first ones, then zeros.

    Level k of K holds the values in [k / K, (k + 1) / K), and the last level also 1. A value of level k has ones at
    0 ... k (Buckman et al. 2018, section 3, with the order of the released code). The order of channels is
    (channel 0, level 0), (channel 0, level 1), ...
    """

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, x: Tensor) -> Tensor:
        """Pixels (B, C, H, W) in [0, 1] to zeros and ones (B, C * levels, H, W).

        Raises `LacunaError` for pixels that require a gradient: a step function has none.
        """
        if x.requires_grad and torch.is_grad_enabled():
            raise LacunaError("thermometer encoding has no gradient for the pixels; attack such a network with lspga")
        thresholds = torch.arange(self.levels, device=x.device)
        return self.flat((_last(x)[..., None] * self.levels >= thresholds).to(x.dtype))

    def flat(self, codes: Tensor) -> Tensor:
        """Codes (B, H, W, C, levels) in the shape that a network takes, (B, C * levels, H, W)."""
        return codes.flatten(3).permute(0, 3, 1, 2)

    def relaxed(self, logits: Tensor) -> Tensor:
        """Mixtures of thermometer codes, (B, C * levels, H, W), for logits of the levels (B, H, W, C, levels).

        One-hot probabilities give the code of their level; -inf excludes a level. The result has a gradient.
        """
        # A cumulative sum from the last level down, as a product because torch.cumsum is not deterministic on CUDA.
        return self.flat(logits.softmax(-1) @ logits.new_ones(self.levels, self.levels).tril())

    def nearest(self, x: Tensor) -> Tensor:
        """For each pixel and level the 8-bit value of the level that is closest to the pixel's, (B, H, W, C, levels).

        For the pixel's own level this is the value of the pixel.
        """
        pixels, level = _last(x)[..., None], torch.arange(self.levels, device=x.device)
        low = torch.ceil(level * 255 / self.levels)
        high = torch.ceil((level + 1) * 255 / self.levels) - 1
        values = torch.clamp(pixels, low.to(x.dtype) / 255, high.to(x.dtype) / 255)
        own = (pixels * self.levels).floor().clamp(max=self.levels - 1) == level
        return torch.where(own, pixels, values)


def _last(x: Tensor) -> Tensor:
    """(B, C, H, W) with the channels last."""
    return x.permute(0, 2, 3, 1)
