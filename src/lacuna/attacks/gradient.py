"""FGSM and PGD in the l-infinity ball, as the Defective CNN paper runs them: no random start."""

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
    """Gradient of the summed cross-entropy with respect to the images; the sum keeps images independent."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), labels, reduction="sum"), x)
    return gradient


def fgsm(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float) -> Tensor:
    """One signed-gradient step of size ``epsilon`` from the images (B, C, H, W) in [0, 1] (appendix E)."""
    return pgd(model, x, labels, epsilon=epsilon, step=epsilon, steps=1)


def pgd(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float, step: float, steps: int) -> Tensor:
    """Signed-gradient ascent on the cross-entropy, ``steps`` times ``step``, from the clean image (appendix E).

    Images (B, C, H, W) in [0, 1], labels int64 (B,), ``epsilon`` and ``step`` in pixel units; after every step
    the result is clipped to the ball around ``x`` and to [0, 1]. Raises `LacunaError` for a model in training
    mode and ValueError for images outside [0, 1].
    """
    if not (x.min() >= 0 and x.max() <= 1):  # also refuses NaN
        raise ValueError(f"images must lie in [0, 1], not [{float(x.min())}, {float(x.max())}]")
    lowest, highest = (x - epsilon).clamp_(min=0), (x + epsilon).clamp_(max=1)
    adversarial = x
    with frozen(model):
        for _ in range(steps):
            direction = input_gradient(model, adversarial, labels).sign_()
            adversarial = torch.clamp(adversarial.add(direction, alpha=step), lowest, highest)
    return adversarial
