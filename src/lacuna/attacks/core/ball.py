"""Signed steps in the l-infinity ball around images."""

from collections.abc import Callable

import torch
from torch import Tensor

from lacuna.attacks.core.draws import Draws


def check_range(x: Tensor) -> None:
    """Raises ValueError for images outside [0, 1]."""
    if not (x.min() >= 0 and x.max() <= 1):  # also refuses NaN
        raise ValueError(f"images must lie in [0, 1], not [{float(x.min())}, {float(x.max())}]")


def box(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Lowest and highest pixels within ``epsilon`` of the images and in [0, 1]. Nothing waits for the device."""
    return (x - epsilon).clamp_(min=0), (x + epsilon).clamp_(max=1)


def signed_steps(
    direction: Callable[[Tensor], Tensor], start: Tensor, limits: tuple[Tensor, Tensor], step: float, steps: int
) -> Tensor:
    """Makes ``steps`` steps of length ``step`` from ``start``, and clips to the ``limits`` of a `box` after each.

    ``direction`` gives the sign of the step for each value of images (B, C, H, W). Nothing waits for the device.
    """
    adversarial = start
    for _ in range(steps):
        adversarial = torch.clamp(adversarial.add(direction(adversarial), alpha=step), *limits)
    return adversarial


def uniform_start(
    x: Tensor, limits: tuple[Tensor, Tensor], epsilon: float, restart: int, draws: Draws | None
) -> Tensor:
    """A point drawn uniformly in the ball and clipped to the ``limits``.

    Its draw is called "start ``restart``". Without ``draws`` it comes from torch's global generator.
    """
    drawn = torch.rand_like(x) if draws is None else draws.uniform(f"start {restart}", x)
    return torch.clamp(x + epsilon * (2 * drawn - 1), *limits)
