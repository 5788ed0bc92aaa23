"""Attacks of the user's own: a function, or a class of foolbox."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.attacks.core.foolbox_model import problem
from lacuna.attacks.core.victim import freeze
from lacuna.errors import LacunaError
from lacuna.foreign.answers import require_pixels
from lacuna.foreign.calls import calling
from lacuna.foreign.states import Snapshot
from lacuna.language.declared import resolve

SLACK = 1e-4  # of pixels in [0, 1], and of a length: what rounding may add to a change


def own_attack(reference: str) -> Callable[..., Tensor]:
    """The attack behind ``module:name``, which checks the images of each batch.

    A function takes (model, images in [0, 1], labels, **budget) and gives images of the same shape in [0, 1]. A
    class of foolbox.attacks is built with the arguments of the budget and called with its epsilon. Both get copies of
    images and labels. Raises `LacunaError` where the reference names nothing. The attack raises it for images that are
    not like that or that leave the budget, and where it changes the network.
    """
    from foolbox.attacks.base import Attack

    target = resolve(reference)
    attack = partial(_run_foolbox, target) if isinstance(target, type) and issubclass(target, Attack) else target
    return partial(_checked, reference, attack)


def _run_foolbox(attack: Any, model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float, **how: Any) -> Tensor:
    made = attack(**how)
    _, adversarial, _ = made(*problem(model, x, labels), epsilons=epsilon)
    order = getattr(made.distance, "p", torch.inf)
    length = torch.linalg.vector_norm((adversarial - x).flatten(1), ord=order, dim=1)
    _refuse_excess(attack.__name__, float(length.max()), epsilon * (1 + SLACK), f"length (norm {order:g})")
    return adversarial


def _checked(
    reference: str, attack: Callable[..., Tensor], model: nn.Module, x: Tensor, labels: Tensor, **budget: Any
) -> Tensor:
    with freeze(model):
        before = Snapshot(model)
        with calling(reference):
            made = attack(model, x.clone(), labels.clone(), **deepcopy(budget))
        before.refuse_change(reference, model, "the network that it attacks")
    adversarial = require_pixels(reference, made, x).detach()
    if "epsilon" in budget:
        _refuse_excess(reference, float((adversarial - x).abs().max()), budget["epsilon"], "pixels")
    return adversarial


def _refuse_excess(reference: str, found: float, allowed: float, what: str) -> None:
    """Raises `LacunaError` for a change above the budget.

    A length bounds each pixel's change, whatever the norm, so that pixels are checked for budgets of every norm.
    """
    if found > allowed + SLACK:
        raise LacunaError(f"{reference} changed {what} by {found:.4g}; allowed: its epsilon, {allowed:.4g}")
