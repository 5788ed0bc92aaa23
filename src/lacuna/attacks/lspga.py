"""LS-PGA: gradient ascent over the levels of a thermometer encoding (Buckman et al. 2018, section 4)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.victim import freeze
from lacuna.errors import LacunaError
from lacuna.models.thermometer import Thermometer

ANNEALING = 1.2  # factor on the inverse temperature after each step, which begins at 1 (released code)
ROUNDING = 1e-6  # differences of 8-bit values are exact up to float rounding


def lspga(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    epsilon: float,
    logit_step: float,
    steps: int,
    draws: Draws | None = None,
) -> Tensor:
    """Logit-space projected gradient ascent on a network whose first layer is a `Thermometer`.

    Images are (B, C, H, W) in [0, 1], labels int64 (B,), ``epsilon`` in pixel units. ``logit_step`` is in units of the
    levels' logits, which start from ``draws``, or from torch's global generator. The result lies in [0, 1] and within
    ``epsilon`` of ``x``; each pixel has its own value or the closest 8-bit value of another level. Raises `LacunaError`
    for a network in training mode or without thermometer encoding.
    """
    with freeze(model):
        return ascend_levels(model, x, labels, epsilon=epsilon, logit_step=logit_step, steps=steps, draws=draws)


def ascend_levels(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    epsilon: float,
    logit_step: float,
    steps: int,
    draws: Draws | None = None,
) -> Tensor:
    """`lspga` on the model in its present mode: adversarial training calls it in training mode.

    Each pixel has one logit per level, drawn from a standard normal distribution, and -inf where no 8-bit value of the
    level lies within ``epsilon``. A step adds ``logit_step`` times the sign of the cross-entropy's gradient through the
    softmax. The softmax grows sharper from step to step. The level with the largest logit is that of the pixel.
    """
    encoding, network = _parts(model)
    values = encoding.nearest(x)
    allowed = (values - x.permute(0, 2, 3, 1)[..., None]).abs() <= epsilon + ROUNDING
    start = draws.normal("logits", values) if draws else torch.randn(values.shape, dtype=x.dtype, device=x.device)
    logits = start.masked_fill_(~allowed, -torch.inf)
    for k in range(steps):
        logits.requires_grad_()
        loss = F.cross_entropy(network(encoding.relaxed(logits * ANNEALING**k)), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, logits)
        logits = logits.detach().add(gradient.sign_(), alpha=logit_step)
    chosen = values.gather(-1, logits.argmax(-1, keepdim=True))
    return chosen.squeeze(-1).permute(0, 3, 1, 2)


def _parts(model: nn.Module) -> tuple[Thermometer, nn.Module]:
    """The thermometer encoding, and the network behind it."""
    if isinstance(model, nn.Sequential) and isinstance(model[0], Thermometer):
        return model[0], model[1:]
    raise LacunaError("lspga attacks networks with thermometer encoding only; allowed for others: fgsm, pgd")
