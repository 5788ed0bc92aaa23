"""PGD in the l-infinity ball, as the Defective CNN paper runs it: without a random start unless one is asked for."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.core.ball import box, check_range, signed_steps, uniform_start
from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.victim import classes_of_8_bit, freeze, input_gradient


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
    until_fooled: bool = False,
    draws: Draws | None = None,
) -> Tensor:
    """Signed-gradient ascent on the cross-entropy, ``steps`` times ``step``, from the clean image (appendix E).

    Images are (B, C, H, W) in [0, 1], labels int64 (B,), ``epsilon`` and ``step`` in pixel units. After every step the
    result is clipped to the ball around ``x`` and to [0, 1]. With ``random_start`` the ascent starts at a point drawn
    uniformly in the ball, clipped likewise. Of several ``restarts`` each image keeps the result of highest
    cross-entropy. With ``until_fooled`` (ours) an image stops at the first step after which its 8-bit image fools the
    model. Starts come from ``draws``, without them from torch's global generator. Raises `LacunaError` for a
    model in training mode, and ValueError for images outside [0, 1].
    """
    check_range(x)
    limits = box(x, epsilon)
    with freeze(model):
        best = None
        for restart in range(restarts):
            start = uniform_start(x, limits, epsilon, restart, draws) if random_start else x
            if until_fooled:
                return _until_fooled(model, labels, start, limits, step, steps)
            made = signed_steps(partial(_sign, model, labels), start, limits, step, steps)
            best = made if best is None else _higher_loss(model, best, made, labels)
    assert best is not None
    return best


def _until_fooled(
    model: nn.Module, labels: Tensor, start: Tensor, limits: tuple[Tensor, Tensor], step: float, steps: int
) -> Tensor:
    """As `signed_steps`, but an image whose 8-bit image fools the model moves no further."""
    made, going = start.clone(), torch.arange(len(start), device=start.device)
    for _ in range(steps):
        inside = limits[0][going], limits[1][going]
        made[going] = signed_steps(partial(_sign, model, labels[going]), made[going], inside, step, 1)
        going = going[classes_of_8_bit(model, made[going]) == labels[going]]
        if not len(going):
            break
    return made


def _sign(model: nn.Module, labels: Tensor, images: Tensor) -> Tensor:
    return input_gradient(model, images, labels).sign_()


@torch.no_grad()
def _higher_loss(model: nn.Module, first: Tensor, second: Tensor, labels: Tensor) -> Tensor:
    """Of two results for each image the one of higher cross-entropy; the first where both are equal."""
    losses = [F.cross_entropy(model(images), labels, reduction="none") for images in (first, second)]
    return torch.where((losses[1] > losses[0]).view(-1, 1, 1, 1), second, first)


def ascend_ball(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    epsilon: float,
    step: float,
    steps: int,
    random_start: bool = False,
) -> Tensor:
    """`pgd` on the model in its present mode: adversarial training calls it in training mode.

    Images are (B, C, H, W) in [0, 1]. With ``random_start`` torch's global generator draws the start uniformly in the
    ball around ``x``. After every step the result is clipped to the ball and to [0, 1]. Nothing waits for the device.
    """
    limits, start = box(x, epsilon), x
    if random_start:
        noise = torch.empty(x.shape, dtype=x.dtype, device=x.device).uniform_(-epsilon, epsilon)
        start = torch.clamp(x + noise, *limits)
    return signed_steps(partial(_sign, model, labels), start, limits, step, steps)
