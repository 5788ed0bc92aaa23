"""Margins between the logits of a network: by how much it is right."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.jobs.progress import Say
from lacuna.numerics.device import run_batches
from lacuna.numerics.images import as_pixels


@torch.no_grad()
def margins(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """The true logit minus the highest wrong one, (B,): negative where the network is wrong."""
    return _margins(model(x), labels)


def _margins(logits: Tensor, labels: Tensor) -> Tensor:
    true = F.one_hot(labels, logits.shape[1]).bool()
    return logits[true] - logits.masked_fill(true, -torch.inf).amax(1)


@torch.no_grad()
def answers(model: nn.Module, images: Tensor, labels: Tensor, batch: int, say: Say) -> tuple[Tensor, Tensor]:
    """Classes int64 (N,) and `margins` float32 (N,), on the CPU, of images uint8 (N, C, H, W) on the model's device."""

    def work(part: slice) -> tuple[Tensor, Tensor]:
        logits = model(as_pixels(images[part]))
        return logits.argmax(1).cpu(), _margins(logits, labels[part]).float().cpu()

    classes, margins_of = zip(*(found for _, found in run_batches(len(images), batch, work, say)), strict=True)
    return torch.cat(classes), torch.cat(margins_of)


def median_margin(model: nn.Module, images: Tensor, labels: Tensor, batch: int) -> float:
    """The median of a network's `margins` over images uint8 (N, C, H, W): a relative kappa is a multiple of it."""
    places = [slice(start, start + batch) for start in range(0, len(images), batch)]
    parts = [margins(model, as_pixels(images[place]), labels[place]) for place in places]
    return float(torch.cat(parts).double().quantile(0.5))
