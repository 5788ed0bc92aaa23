"""Adversarial training: the images of each step are attacked with the network as it is (Madry et al. 2018)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lacuna.language.attacks import METHODS, pixel_values
from lacuna.language.declared import resolve
from lacuna.language.methods import Method, Signature

COARSE = 5  # cells along each side of the noise that random regions are cut from


class Perturb(Protocol):
    """Images to train on, from those of a step, at a share of the training."""

    def __call__(
        self, model: nn.Module, x: Tensor, labels: Tensor, foreground: Tensor | None = None, progress: float = 1
    ) -> Tensor: ...


def perturbation(attack: Mapping[str, Any]) -> Perturb:
    """The inner maximisation that a training's ``attack`` describes.

    ``method`` is one that adversarial training may run, with the parameters that the method states for that
    (`lacuna.language.methods.Method.training`). Distances are texts in pixel units such as 8/255, l2 lengths are
    numbers. Attacks on regions take the images' foreground, bool (B, H, W), or with ``masks: random`` new regions of
    the same areas (`random_regions`). With ``warmup`` the budgets grow (`grow`).
    """
    signature = _signature(attack)
    values = pixel_values(attack, signature.parameters)
    return partial(_perturb, resolve(signature.function), METHODS[attack["method"]], values)


def grow(attack: Mapping[str, Any], progress: float) -> Mapping[str, Any]:
    """The attack at ``progress``, a share of the training: during ``warmup`` of it all distances grow from 0.

    The growth is linear, as in Qin et al. 2019. From random weights a network may never learn anything from images
    that are changed by a large budget at once (Shaeiri et al. 2020).
    """
    if not (warmup := attack.get("warmup")) or progress >= warmup:
        return attack
    known = _signature(attack).parameters
    lengths = {key for key in attack if key in known and known[key].value.unit}
    return {key: value * progress / warmup if key in lengths else value for key, value in attack.items()}


def _signature(attack: Mapping[str, Any]) -> Signature:
    signature = METHODS[attack["method"]].training
    assert signature, "the schema allows no other methods"
    return signature


def _perturb(
    function: Callable[..., Tensor],
    method: Method,
    attack: Mapping[str, Any],
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    foreground: Tensor | None = None,
    progress: float = 1,
) -> Tensor:
    budget = {key: value for key, value in grow(attack, progress).items() if key not in ("method", "masks", "warmup")}
    with inner_loop(model):
        if method.foreground:
            assert foreground is not None, "the rule train gives the foreground to trainings that need it"
            budget["foreground"] = random_regions(foreground) if attack.get("masks") == "random" else foreground
        return function(model, x, labels, **budget)


def random_regions(foreground: Tensor) -> Tensor:
    """For foregrounds bool (B, H, W) others of the same areas, with no relation to the images, from torch's generator.

    They are the pixels where smooth noise is highest, patches of about a fifth of a side, as foregrounds are.
    """
    noise = torch.randn(len(foreground), 1, COARSE, COARSE, device=foreground.device)
    smooth = F.interpolate(noise, foreground.shape[1:], mode="bilinear").flatten(1)
    ranks = smooth.argsort(1, descending=True).argsort(1)
    return (ranks < foreground.flatten(1).sum(1, keepdim=True)).view_as(foreground)


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
