"""Adversarial training: the images of each step are attacked with the network as it is (Madry et al. 2018)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lacuna.attacks.thermometer import ascend_levels
from lacuna.attacks.victim import input_gradient
from lacuna.names import parse_pixels

Perturb = Callable[[nn.Module, Tensor, Tensor], Tensor]


def perturbation(attack: Mapping[str, Any]) -> Perturb:
    """The inner maximisation that a training's ``attack`` describes: (model, x, labels) -> images to train on.

    ``method`` is pgd, with epsilon, step, steps and perhaps random_start, or lspga, with epsilon, logit_step and
    steps. Distances are texts in pixel units such as 8/255; logit_step is a number.
    """
    epsilon, steps = float(parse_pixels(attack["epsilon"], "epsilon")), int(attack["steps"])
    if attack["method"] == "lspga":
        inner: Perturb = partial(ascend_levels, epsilon=epsilon, logit_step=float(attack["logit_step"]), steps=steps)
    else:
        step, start = float(parse_pixels(attack["step"], "step")), bool(attack.get("random_start"))
        inner = partial(ascend, epsilon=epsilon, step=step, steps=steps, random_start=start)
    return partial(_attacked, inner)


def _attacked(inner: Perturb, model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    with inner_loop(model):
        return inner(model, x, labels)


def ascend(
    model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float, step: float, steps: int, random_start: bool
) -> Tensor:
    """PGD on the model in the mode it is in: `lacuna.attacks.gradient.pgd` for use inside a training step.

    Images (B, C, H, W) in [0, 1]; with ``random_start`` from a point drawn uniformly in the ball around ``x``. After
    every step the result is clipped to the ball and to [0, 1]. Nothing here waits for the device.
    """
    lowest, highest = (x - epsilon).clamp_(min=0), (x + epsilon).clamp_(max=1)
    adversarial = x
    if random_start:
        noise = torch.empty(x.shape, dtype=x.dtype, device=x.device).uniform_(-epsilon, epsilon)
        adversarial = torch.clamp(x + noise, lowest, highest)
    for _ in range(steps):
        direction = input_gradient(model, adversarial, labels).sign_()
        adversarial = torch.clamp(adversarial.add(direction, alpha=step), lowest, highest)
    return adversarial


@contextmanager
def inner_loop(model: nn.Module) -> Iterator[None]:
    """While it is open, parameters take no gradients and batch normalisation keeps its running statistics.

    Forward passes normalise with the batch's own statistics, as the training step itself does (so does Madry's code,
    which also lets them move the running statistics; here these come from the images trained on alone).
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
        for norm in norms:
            norm.track_running_stats = False
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
        for norm in norms:
            norm.track_running_stats = True
