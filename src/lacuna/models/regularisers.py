"""Spatial dropout and DropBlock, the baselines of Tables 2 and 4, and their places in a network."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.language.models import DROPOUT_NETWORKS
from lacuna.models.layers import Shape, Site

# In every residual block of these stages: on the first convolution after its BN, on the second before it (released
# code, ResNet-18). In WRN-32-4 block 3 is the last stage, the paper's "3rd block" (4.1.1).
BLOCKS = frozenset({3, 4})
KINDS = frozenset({"conv1", "before_bn2"})


class DropBlock(nn.Module):
    """Zeroes random squares of each channel's map in training; the identity in evaluation.

    Corners of squares are drawn independently per image, channel and position. Without overlaps a share 1 - ``keep`` of
    the map would be zero. Squares lie wholly inside the map (Ghiasi et al. 2018, equation 1). The neurons that survive
    are divided by their share in the batch.
    """

    def __init__(self, keep: float, size: int) -> None:
        super().__init__()
        self.keep, self.size = keep, size

    def forward(self, x: Tensor) -> Tensor:
        """Activations (B, C, H, W) to the same shape. A map smaller than ``size`` is dropped as a whole."""
        if not self.training:
            return x
        kept = 1 - self._dropped(x)
        return x * (kept * (kept.numel() / kept.sum().clamp(min=1)))

    @torch.no_grad()
    def _dropped(self, x: Tensor) -> Tensor:
        """1 inside squares, else 0, (B, C, H, W)."""
        *images, height, width = x.shape
        size = min(self.size, height, width)
        places = (height - size + 1, width - size + 1)
        rate = (1 - self.keep) / size**2 * (height * width) / (places[0] * places[1])
        corners = x.new_empty((*images, *places)).bernoulli_(min(1, rate))
        corners = corners.contiguous(memory_format=torch.channels_last)  # as activations are; three times faster
        return F.max_pool2d(F.pad(corners, [size - 1] * 4), size, stride=1)


def add_regularisers(site: Site, arch: str, training: Mapping[str, Any]) -> Site:
    """A ``site`` that puts the regulariser of a ``training`` after the mask, if any, at the regulariser's places.

    ``spatial_dropout`` is the probability that a channel is dropped, ``drop_block`` has keep and size. Raises
    `LacunaError` for an architecture that has no place for them.
    """
    if not {"spatial_dropout", "drop_block"} & training.keys():
        return site
    if arch not in DROPOUT_NETWORKS:
        raise LacunaError(
            f"spatial dropout and DropBlock have no place in {arch}; allowed: {', '.join(DROPOUT_NETWORKS)}"
        )

    def both(block: int, kind: str, shape: Shape) -> nn.Module:
        mask = site(block, kind, shape)
        if block not in BLOCKS or kind not in KINDS:
            return mask
        layers = [mask] if not isinstance(mask, nn.Identity) else []
        if "spatial_dropout" in training:
            layers.append(nn.Dropout2d(training["spatial_dropout"]))
        if "drop_block" in training:
            layers.append(DropBlock(**training["drop_block"]))
        return layers[0] if len(layers) == 1 else nn.Sequential(*layers)

    return both
