"""AdvDrop done literally, as the published algorithm describes it: the slow reference of tests and benchmark.

Channel by channel and with the DCT as sums over the four indices of a block; every derivative is autograd's, through
both places where a table occurs; a batch goes on until all of it succeeds, and is what the last forward pass saw.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def cosines() -> Tensor:
    """cos((2x + 1) u pi / 16) cos((2y + 1) v pi / 16), indices x, y, u, v."""
    values = torch.zeros(8, 8, 8, 8, dtype=torch.float64)
    for x in range(8):
        for y in range(8):
            for u in range(8):
                for v in range(8):
                    values[x, y, u, v] = math.cos((2 * x + 1) * u * math.pi / 16) * math.cos(
                        (2 * y + 1) * v * math.pi / 16
                    )
    return values


COSINES = cosines()
ROOTS = torch.tensor([0.5**0.5] + [1.0] * 7, dtype=torch.float64)
WEIGHTS = torch.outer(ROOTS, ROOTS) / 4


def split(channel: Tensor) -> Tensor:
    """(B, H, W) to (B, blocks, 8, 8)."""
    count, height, width = channel.shape
    blocks = channel.view(count, height // 8, 8, width // 8, 8).permute(0, 1, 3, 2, 4)
    return blocks.reshape(count, -1, 8, 8)


def merge(blocks: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `split`."""
    whole = blocks.view(len(blocks), height // 8, width // 8, 8, 8).permute(0, 1, 3, 2, 4)
    return whole.reshape(len(blocks), height, width)


def dct(blocks: Tensor) -> Tensor:
    return WEIGHTS.to(blocks) * torch.tensordot(blocks, COSINES.to(blocks), dims=2)


def inverse_dct(coefficients: Tensor) -> Tensor:
    weighted = WEIGHTS.to(coefficients) * coefficients
    return torch.tensordot(weighted, COSINES.to(coefficients).permute(2, 3, 0, 1), dims=2)


def soft(u: Tensor, alpha: float) -> Tensor:
    k, s = math.log(2 / alpha - 1), 1 / (1 - alpha)
    floor = u.detach().floor()
    return floor + (s * torch.tanh(k * (u - floor - 0.5)) + 1) / 2


def attack(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    start: float,
    box: tuple[float, float],
    steps: int,
    wanted: Tensor | None = None,
    step: float = 1.0,
    hard: bool = False,
    eight_bit: bool = False,
) -> tuple[Tensor, Tensor, int]:
    """Images (B, C, H, W) in [0, 1], sides multiples of 8: relaxed images, tables (C, B, blocks, 8, 8), passes made.

    With ``eight_bit`` the saved image is judged, not the relaxed one.
    """
    height, width = x.shape[2:]
    coefficients = [dct(split(channel * 255 - 128)) for channel in x.unbind(1)]
    tables = [torch.full_like(c, start).requires_grad_() for c in coefficients]
    alpha, passes = 0.1, 0
    while passes < steps:
        passes += 1
        channels = []
        for c, q in zip(coefficients, tables, strict=True):
            units = c / q
            rounded = units.detach().round() if hard else soft(units, alpha)
            channels.append(merge(inverse_dct(rounded * q) + 128, height, width))
        images = torch.stack(channels, 1) / 255
        logits = model(images)
        judged = (images.detach() * 255).round().clamp(0, 255) / 255 if eight_bit else images
        said = model(judged).argmax(1) if eight_bit else logits.argmax(1)
        succeeded = said != labels if wanted is None else said == wanted
        used = [q.detach().clone() for q in tables]
        if succeeded.all():
            break
        loss = -F.cross_entropy(logits, labels) if wanted is None else F.cross_entropy(logits, wanted)
        loss.backward()
        for q in tables:
            assert q.grad is not None
            with torch.no_grad():
                q.sub_(step * q.grad.sign()).clamp_(*box)
            q.grad = None
        alpha -= 0.1 / steps
    return images.detach(), torch.stack(used), passes
