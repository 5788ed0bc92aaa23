"""LS-PGA: the attack on networks that discretise their input (Buckman et al. 2018)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.draws import Draws
from lacuna.attacks.gradient import frozen
from lacuna.errors import LacunaError
from lacuna.models.thermometer import Thermometer


def lspga(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    epsilon: float,
    steps: int,
    logit_step: float,
    anneal: float,
    draws: Draws | None = None,
) -> Tensor:
    """Logit-space projected gradient ascent on a network with one `Thermometer` that sees the pixels.

    Images (B, C, H, W) in [0, 1], labels int64 (B,), ``epsilon`` in pixel units. Every pixel has a logit for each
    level that an 8-bit value within epsilon has; they start standard normal (from ``draws``, without them from
    torch's global generator). The network sees the encoding expected under their softmax. ``steps`` times the logits
    move by ``logit_step`` along the sign of the cross-entropy's gradient, and the softmax's temperature, 1 at
    first, is divided by ``anneal`` (paper 1.2). The result has in each pixel the value nearest to the clean one
    that has the level of the highest logit, so that rounding to 8 bit changes no level. Released code steps along the
    gradient itself, not its sign.

    The protocol: the layer offers ``levels``, ``level(pixels)`` and ``relaxed(probabilities)`` as `Thermometer`
    does, and nothing else in the network sees the pixels. Raises `LacunaError` for a network without exactly one such
    layer or in training mode.
    """
    encoder = _encoder(model)
    values, allowed = _choices(encoder, x, epsilon)
    logits = torch.randn_like(values) if draws is None else draws.normal("logits", values)
    sharpness = 1.0
    with frozen(model):
        for _ in range(steps):
            logits = logits + logit_step * _gradient(model, encoder, x, labels, logits, allowed, sharpness).sign_()
            sharpness *= anneal
    chosen = logits.masked_fill(~allowed, -torch.inf).argmax(2, keepdim=True)
    return values.gather(2, chosen).squeeze(2)


def _encoder(model: nn.Module) -> Thermometer:
    found = [module for module in model.modules() if isinstance(module, Thermometer)]
    if len(found) != 1:
        raise LacunaError(f"lspga needs a network with one thermometer encoding; this one has {len(found)}")
    return found[0]


def _choices(encoder: Thermometer, x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """For each pixel and level, (B, C, levels, H, W): the nearest value of that level, and whether it is in reach."""
    grid = torch.arange(256, device=x.device, dtype=x.dtype) / 255
    level = encoder.level(grid)
    edges = [(grid[level == i].amin(), grid[level == i].amax()) for i in range(encoder.levels)]
    lowest, highest = (torch.stack(side).view(1, 1, -1, 1, 1) for side in zip(*edges, strict=True))
    values = x.unsqueeze(2).clamp(lowest, highest)
    values = torch.where(_is_level(encoder, x), x.unsqueeze(2), values)
    return values, (values - x.unsqueeze(2)).abs() <= epsilon + 1e-6  # one float32 rounding of 16/255


def _is_level(encoder: Thermometer, x: Tensor) -> Tensor:
    return F.one_hot(encoder.level(x), encoder.levels).movedim(-1, 2).bool()


def _gradient(
    model: nn.Module,
    encoder: Thermometer,
    x: Tensor,
    labels: Tensor,
    logits: Tensor,
    allowed: Tensor,
    sharpness: float,
) -> Tensor:
    """Gradient of the summed cross-entropy with respect to the levels' logits."""
    leaf = logits.detach().requires_grad_()
    probabilities = (sharpness * leaf).masked_fill(~allowed, -torch.inf).softmax(2)
    with _answers(encoder, encoder.relaxed(probabilities)):
        loss = F.cross_entropy(model(x), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, leaf)
    return gradient


@contextmanager
def _answers(layer: nn.Module, output: Tensor) -> Iterator[None]:
    """The layer gives ``output`` whatever it is asked."""
    hook = layer.register_forward_hook(lambda *_: output)
    try:
        yield
    finally:
        hook.remove()
