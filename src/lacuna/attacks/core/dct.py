"""The 8 x 8 block discrete cosine transform of images, and its inverse: one matrix product over all blocks."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 8


def block_dct(x: Tensor, padding: str = "replicate") -> Tensor:
    """Orthonormal two-dimensional DCT-II of every 8 x 8 block: (B, C, H, W) to (B, C, rows, columns, 8, 8).

    Blocks are counted from the top left. Where a side is no multiple of 8 it is padded at the bottom and on the right:
    ``replicate`` repeats the edge, as JPEG encoders do; ``constant`` adds zeros, the adjoint of the cut that
    `inverse_block_dct` makes. The two last axes are vertical and horizontal frequency.
    """
    height, width = x.shape[-2:]
    if height % SIDE or width % SIDE:
        x = F.pad(x, (0, -width % SIDE, 0, -height % SIDE), mode=padding)
    count, channels, height, width = x.shape
    rows, columns = height // SIDE, width // SIDE
    blocks = x.reshape(count, channels, rows, SIDE, columns, SIDE).transpose(3, 4)
    coefficients = blocks.reshape(count, channels, rows, columns, SIDE**2) @ _matrix(x.dtype, x.device)
    return coefficients.view(count, channels, rows, columns, SIDE, SIDE)


def inverse_block_dct(coefficients: Tensor, size: tuple[int, int]) -> Tensor:
    """Images (B, C, height, width) of ``size`` from (B, C, rows, columns, 8, 8): the padding is cut off again."""
    count, channels, rows, columns = coefficients.shape[:4]
    blocks = coefficients.flatten(-2) @ _matrix(coefficients.dtype, coefficients.device).T
    split = blocks.view(count, channels, rows, columns, SIDE, SIDE).transpose(3, 4)
    whole = split.reshape(count, channels, rows * SIDE, columns * SIDE)
    return whole[..., : size[0], : size[1]]


@cache
def _matrix(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Blocks as rows of 64 values, times this matrix (64, 64), are their coefficients; it is orthogonal."""
    k, n = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    basis = torch.cos(torch.pi * (2 * n.double() + 1) * k / (2 * SIDE)) * (2 / SIDE) ** 0.5
    basis[0] /= 2**0.5
    return torch.kron(basis, basis).T.contiguous().to(dtype).to(device)
