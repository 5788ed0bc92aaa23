"""What attacks do to the network under attack: hold its parameters still, and ask for the gradient of its input."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.errors import LacunaError


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
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


def input_gradient(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """Gradient of the summed cross-entropy with respect to the images; the sum keeps images independent.

    Raises `LacunaError` for a `frozen` network that discretises its input.
    """
    x = x.detach().requires_grad_()
    logits = model(x)
    if not logits.requires_grad:
        raise LacunaError("the source has no gradient at its pixels, since it discretises them; use method lspga")
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), x)
    return gradient
