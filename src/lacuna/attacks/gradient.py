"""FGSM, PGD and MI-FGSM in the l-infinity ball, as the Defective CNN paper runs them: no random start by default."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.draws import Draws
from lacuna.attacks.victim import frozen, input_gradient


def fgsm(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float) -> Tensor:
    """One signed-gradient step of size ``epsilon`` from the images (B, C, H, W) in [0, 1] (appendix E)."""
    return pgd(model, x, labels, epsilon=epsilon, step=epsilon, steps=1)


def pgd(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    epsilon: float,
    step: float,
    steps: int,
    random_start: bool = False,
    restarts: int = 1,
    draws: Draws | None = None,
) -> Tensor:
    """Signed-gradient ascent on the cross-entropy, ``steps`` times ``step``, from the clean image (appendix E).

    Images (B, C, H, W) in [0, 1], labels int64 (B,), ``epsilon`` and ``step`` in pixel units; after every step
    the result is clipped to the ball around ``x`` and to [0, 1]. With ``random_start`` the ascent starts uniformly
    in the ball, clipped likewise; of several ``restarts`` each image keeps the result of highest cross-entropy.
    Starts come from ``draws``, without them from torch's global generator. Raises `LacunaError` for a model in
    training mode and ValueError for images outside [0, 1].
    """
    lowest, highest = box(x, epsilon)
    with frozen(model):
        best = None
        for restart in range(restarts):
            start = uniform_start(x, lowest, highest, epsilon, restart, draws) if random_start else x
            made = signed_ascent(model, start, labels, lowest, highest, step, steps)
            best = made if best is None else _higher_loss(model, best, made, labels)
    assert best is not None
    return best


def box(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Lowest and highest pixels within ``epsilon`` of the images and in [0, 1]."""
    if not (x.min() >= 0 and x.max() <= 1):  # also refuses NaN
        raise ValueError(f"images must lie in [0, 1], not [{float(x.min())}, {float(x.max())}]")
    return (x - epsilon).clamp_(min=0), (x + epsilon).clamp_(max=1)


def signed_ascent(
    model: nn.Module, start: Tensor, labels: Tensor, lowest: Tensor, highest: Tensor, step: float, steps: int
) -> Tensor:
    """Signed-gradient steps from ``start``, clipped to [lowest, highest] after each, on the model in any mode.

    Nothing waits for the device.
    """
    adversarial = start
    for _ in range(steps):
        direction = input_gradient(model, adversarial, labels).sign_()
        adversarial = torch.clamp(adversarial.add(direction, alpha=step), lowest, highest)
    return adversarial


def uniform_start(
    x: Tensor, lowest: Tensor, highest: Tensor, epsilon: float, restart: int, draws: Draws | None
) -> Tensor:
    """Uniform in the ball, clipped to [lowest, highest]; drawn as "start ``restart``", or from torch's generator."""
    drawn = torch.rand_like(x) if draws is None else draws.uniform(f"start {restart}", x)
    return torch.clamp(x + epsilon * (2 * drawn - 1), lowest, highest)


@torch.no_grad()
def _higher_loss(model: nn.Module, first: Tensor, second: Tensor, labels: Tensor) -> Tensor:
    """For each image the one of two on which the cross-entropy is higher; the first where they are equal."""
    losses = [F.cross_entropy(model(images), labels, reduction="none") for images in (first, second)]
    return torch.where((losses[1] > losses[0]).view(-1, 1, 1, 1), second, first)


def mifgsm(
    model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float, step: float, steps: int, decay: float = 1.0
) -> Tensor:
    """Momentum iterative FGSM: each step goes along the sign of g = ``decay`` g + gradient / its l1 norm per image.

    Images, labels, units, clipping and errors as in `pgd`. The released code has decay 1 (the paper, appendix B,
    leaves it open) and no random start.
    """
    lowest, highest = box(x, epsilon)
    adversarial, momentum = x, torch.zeros_like(x)
    with frozen(model):
        for _ in range(steps):
            gradient = input_gradient(model, adversarial, labels)
            norm = gradient.abs().sum((1, 2, 3), keepdim=True)
            momentum = decay * momentum + gradient / norm.clamp(min=torch.finfo(norm.dtype).tiny)
            adversarial = torch.clamp(adversarial.add(momentum.sign(), alpha=step), lowest, highest)
    return adversarial
