"""FGSM, as the Defective CNN paper runs it."""

from torch import Tensor, nn

from lacuna.attacks.pgd import pgd


def fgsm(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float) -> Tensor:
    """One signed-gradient step of size ``epsilon`` from the images (B, C, H, W) in [0, 1] (appendix E)."""
    return pgd(model, x, labels, epsilon=epsilon, step=epsilon, steps=1)
