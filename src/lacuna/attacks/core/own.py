"""Attacks of the user's own: a function, or a class of foolbox."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.attacks.core.foolbox_model import problem
from lacuna.attacks.core.victim import freeze
from lacuna.errors import LacunaError
from lacuna.language.declared import resolve


def own_attack(reference: str) -> Callable[..., Tensor]:
    """The attack behind ``module:name``, which checks the images of each batch.

    A function takes (model, images in [0, 1], labels, **budget) and gives images of the same shape in [0, 1]. A
    class of foolbox.attacks is built with the arguments of the budget and called with its epsilon. Raises `LacunaError`
    where the reference names nothing; the attack raises it for images that are not like that.
    """
    from foolbox.attacks.base import Attack

    target = resolve(reference)
    attack = partial(_run_foolbox, target) if isinstance(target, type) and issubclass(target, Attack) else target
    return partial(_checked, reference, attack)


def _run_foolbox(attack: Any, model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float, **how: Any) -> Tensor:
    _, adversarial, _ = attack(**how)(*problem(model, x, labels), epsilons=epsilon)
    return adversarial


def _checked(
    reference: str, attack: Callable[..., Tensor], model: nn.Module, x: Tensor, labels: Tensor, **budget: Any
) -> Tensor:
    with freeze(model):
        adversarial = attack(model, x, labels, **budget)
    if adversarial.shape != x.shape or not torch.isfinite(adversarial).all():
        raise LacunaError(
            f"{reference} gave {tuple(adversarial.shape)} or values not finite for images {tuple(x.shape)}"
        )
    if adversarial.min() < 0 or adversarial.max() > 1:
        raise LacunaError(
            f"{reference} gave pixels in [{adversarial.min():.3g}, {adversarial.max():.3g}], not in [0, 1]"
        )
    return adversarial.detach()
