"""Margins between the logits of a network: by how much it is right."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.numerics.images import as_pixels


@torch.no_grad()
def margins(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """The true logit minus the highest wrong one, (B,): negative where the network is wrong."""
    return margins_of(model(x), labels)


def margins_of(logits: Tensor, labels: Tensor) -> Tensor:
    """The true logit minus the highest wrong one, (B,), of logits (B, K)."""
    true = F.one_hot(labels, logits.shape[1]).bool()
    return logits[true] - logits.masked_fill(true, -torch.inf).amax(1)


def median_margin(model: nn.Module, images: Tensor, labels: Tensor, batch: int) -> float:
    """The median of a network's `margins` over images uint8 (N, C, H, W): a relative kappa is a multiple of it."""
    places = [slice(start, start + batch) for start in range(0, len(images), batch)]
    parts = [margins(model, as_pixels(images[place]), labels[place]) for place in places]
    return float(torch.cat(parts).double().quantile(0.5))
