"""What attacks do to the network under attack: hold its parameters still, and ask for the gradient of its input."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.errors import LacunaError


@contextmanager
def freeze(model: nn.Module) -> Iterator[None]:
    """Turns parameter gradients off while an attack runs: only the image's gradient is needed.

    Raises `LacunaError` for a model in training mode, where batch statistics would make an image's attack depend
    on its neighbours.
    """
    if any(module.training for module in model.modules()):
        raise LacunaError("an attack needs the model in evaluation mode; call model.eval() first")
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def logits_with_gradient(model: nn.Module, x: Tensor) -> Tensor:
    """The logits (B, K) of images that require a gradient.

    Raises `LacunaError` for a network that discretises its input, so that no gradient reaches the pixels.
    """
    logits = model(x)
    if not logits.requires_grad:
        raise LacunaError("the source has no gradient at its pixels, since it discretises them; use method lspga")
    return logits


def input_gradient(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """Gradient of the summed cross-entropy with respect to the images; the sum keeps images independent.

    Raises `LacunaError` as `logits_with_gradient` does.
    """
    x = x.detach().requires_grad_()
    loss = F.cross_entropy(logits_with_gradient(model, x), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, x)
    return gradient
