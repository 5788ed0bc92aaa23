"""Patches of images in random order. It needs no network: the model may be None."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws
from lacuna.errors import LacunaError


def shuffle(model: nn.Module | None, x: Tensor, labels: Tensor, *, k: int, pad: bool = False, draws: Draws) -> Tensor:
    """Cuts each image (B, C, H, W) into k x k patches and permutes them at random, all channels alike (Table 1).

    The permutation may be the identity (released code). With ``pad`` the image is first padded with zeros to the next
    multiple of ``k``, and cut back to its size afterwards, since networks with masks take no other size. Without it,
    the function raises `LacunaError` where height or width is no multiple of ``k``.
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
