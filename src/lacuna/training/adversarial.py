"""Adversarial training: the images of each step are attacked with the network as it is (Madry et al. 2018)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lacuna.attacks.dual import Objective, Search, ascended, dual_regions, scaled
from lacuna.attacks.gradient import signed_ascent
from lacuna.attacks.regions import L2, LINF
from lacuna.attacks.thermometer import ascend_levels
from lacuna.language.attacks import METHODS, parse_pixels, pixel_parameters

COARSE = 5  # cells along each side of the noise that random masks are cut from
GROWING = ("epsilon", "step", "epsilon_l2", "epsilon_foreground", "epsilon_background")  # lengths, in pixel units


class Perturb(Protocol):
    """Images to train on, from those of a step, at a share of the training."""

    def __call__(
        self, model: nn.Module, x: Tensor, labels: Tensor, masks: Tensor | None = None, progress: float = 1
    ) -> Tensor: ...


def perturbation(attack: Mapping[str, Any]) -> Perturb:
    """The inner maximisation that a training's ``attack`` describes.

    ``method`` is pgd, with epsilon, step, steps and perhaps random_start; lspga, with epsilon, logit_step and steps;
    or pgd_l2, dual or dual_l2 with the parameters of the attacks of these names, weight 0. Distances are texts in
    pixel units such as 8/255, l2 lengths and logit_step are numbers. The dual methods take the images' foreground,
    bool (B, H, W), or with ``masks: random`` new masks of the same areas (`random_masks`). With ``warmup`` the budgets
    grow (`grown`).
    """
    method, pixels = attack["method"], pixel_parameters(attack["method"])
    given = {key: float(parse_pixels(attack[key], key)) if key in pixels else attack[key] for key in attack}
    inner = {"lspga": _levels, "pgd": _ball}.get(method, _in_regions)
    return partial(_attacked, inner, given)


def grown(attack: Mapping[str, Any], progress: float) -> Mapping[str, Any]:
    """The attack at ``progress``, a share of the training: during ``warmup`` of it budgets and steps grow from 0.

    The growth is linear, as in Qin et al. 2019. From random weights a network may never learn anything from images
    that are changed by a large budget at once (Shaeiri et al. 2020).
    """
    if not (warmup := attack.get("warmup")) or progress >= warmup:
        return attack
    return {key: value * progress / warmup if key in GROWING else value for key, value in attack.items()}


def _attacked(
    inner: Callable[..., Tensor],
    attack: Mapping[str, Any],
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    masks: Tensor | None = None,
    progress: float = 1,
) -> Tensor:
    with inner_loop(model):
        return inner(grown(attack, progress), model, x, labels, masks)


def _levels(attack: Mapping[str, Any], model: nn.Module, x: Tensor, labels: Tensor, _: Tensor | None) -> Tensor:
    return ascend_levels(model, x, labels, **{key: attack[key] for key in ("epsilon", "logit_step", "steps")})


def _ball(attack: Mapping[str, Any], model: nn.Module, x: Tensor, labels: Tensor, _: Tensor | None) -> Tensor:
    lengths = {key: attack[key] for key in ("epsilon", "step", "steps")}
    return ascend(model, x, labels, random_start=attack.get("random_start", False), **lengths)


def ascend(
    model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float, step: float, steps: int, random_start: bool
) -> Tensor:
    """PGD on the model in the mode it is in: `lacuna.attacks.gradient.pgd` for use inside a training step.

    Images (B, C, H, W) in [0, 1]; with ``random_start`` from a point drawn uniformly in the ball around ``x``. After
    every step the result is clipped to the ball and to [0, 1]. Nothing here waits for the device.
    """
    lowest, highest = (x - epsilon).clamp_(min=0), (x + epsilon).clamp_(max=1)
    start = x
    if random_start:
        noise = torch.empty(x.shape, dtype=x.dtype, device=x.device).uniform_(-epsilon, epsilon)
        start = torch.clamp(x + noise, lowest, highest)
    return signed_ascent(model, start, labels, lowest, highest, step, steps)


def _in_regions(attack: Mapping[str, Any], model: nn.Module, x: Tensor, labels: Tensor, masks: Tensor | None) -> Tensor:
    """PGD in l2, or dual perturbation without a salience term; the random numbers are torch's."""
    method = METHODS[attack["method"]]
    search = Search(**{key: attack[key] for key in Search.__dataclass_fields__.keys() & attack.keys()})
    norm, reference = L2 if method.l2 else LINF, attack.get("reference")
    if not method.foreground:
        regions = [search.region(scaled(attack["epsilon_l2"], x, reference))]
    else:
        assert masks is not None, "the rule train gives masks to trainings that need them"
        inside = random_masks(masks) if attack.get("masks") == "random" else masks
        epsilons = tuple(scaled(attack[f"epsilon_{part}"], x, reference) for part in ("foreground", "background"))
        regions = dual_regions(x, epsilons, inside ^ attack.get("swapped", False), search)
    return ascended(norm, Objective(model, labels), x, regions, search, None)


def random_masks(masks: Tensor) -> Tensor:
    """For masks bool (B, H, W) others with the same areas and no relation to the images, drawn from torch's generator.

    They are the pixels where smooth noise is highest, patches of about a fifth of a side, as foregrounds are.
    """
    noise = torch.randn(len(masks), 1, COARSE, COARSE, device=masks.device)
    smooth = F.interpolate(noise, masks.shape[1:], mode="bilinear").flatten(1)
    ranks = smooth.argsort(1, descending=True).argsort(1)
    return (ranks < masks.flatten(1).sum(1, keepdim=True)).view_as(masks)


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
