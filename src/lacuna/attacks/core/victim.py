"""The network under attack: holds its parameters still, and gives the gradient of its input."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.errors import LacunaError


@contextmanager
def freeze(model: nn.Module) -> Iterator[None]:
    """Turns the gradients of parameters off while an attack runs, which needs the gradient of its images alone.

    Raises `LacunaError` for a model in training mode: batch statistics would make the attack on an image depend on the
    other images of its batch.
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

    Raises `LacunaError` for a network that discretises its input: no gradient reaches the pixels.
    """
    logits = model(x)
    if not logits.requires_grad:
        raise LacunaError("the source has no gradient at its pixels, since it discretises them; use method lspga")
    return logits


def input_gradient(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the summed cross-entropy at the images; a sum keeps images independent of each other.

    Raises `LacunaError` for a network that discretises its input.
    """
    x = x.detach().requires_grad_()
    loss = F.cross_entropy(logits_with_gradient(model, x), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, x)
    return gradient


@torch.no_grad()
def classes_of_8_bit(model: nn.Module, images: Tensor) -> Tensor:
    """The model's classes (B,) for images (B, C, H, W), 1 for white, as a file of 8 bits would keep them."""
    return model(images.mul(255).round_().clamp_(0, 255).div_(255)).argmax(1)
