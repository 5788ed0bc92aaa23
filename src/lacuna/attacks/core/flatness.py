"""Images at which the cross-entropy of a network is flat: its gradient teaches an attack nothing there."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.core.victim import freeze
from lacuna.jobs.progress import Say
from lacuna.numerics.device import run_batches
from lacuna.numerics.images import as_pixels

NOT_FINITE = 2


def find_flat(model: nn.Module | None, images: Tensor, labels: Tensor, batch: int, say: Say) -> Tensor:
    """Says whether the gradient of the cross-entropy is exactly 0 at every value of an image: int64 (N,), on the CPU.

    Images uint8 (N, C, H, W) and labels int64 (N,) are on the model's device. The answer is 1 where the gradient is 0,
    which happens where a softmax underflows, 2 where a value of it is not finite, and 0 elsewhere. It is -1 for all
    images without a network, and with a network that discretises its input and has no gradient. Raises `LacunaError`
    for a model in training mode.
    """
    if model is None:
        return torch.full((len(images),), -1)
    with freeze(model):

        def work(part: slice) -> Tensor:
            x = as_pixels(images[part]).requires_grad_()
            logits = model(x)
            if not logits.requires_grad:
                return torch.full((len(x),), -1)
            (slope,) = torch.autograd.grad(F.cross_entropy(logits, labels[part], reduction="sum"), x)
            flat = (slope == 0).flatten(1).all(1).long()
            return torch.where(slope.isfinite().flatten(1).all(1), flat, NOT_FINITE).cpu()

        return torch.cat([found for _, found in run_batches(len(images), batch, work, say)])
