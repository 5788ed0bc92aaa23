"""The attacks of the dual-perturbation paper: foreground and background with a budget each, and PGD in l2."""

from dataclasses import dataclass, replace
from functools import partial
from math import prod, sqrt
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.draws import Draws
from lacuna.attacks.regions import L2, LINF, Norm, Region, ascend, random_start
from lacuna.attacks.victim import frozen, input_gradient
from lacuna.errors import LacunaError
from lacuna.foreground.score import foreground_score, score_gradient


def dual(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    epsilon_foreground: float,
    epsilon_background: float,
    weight: float,
    foreground: Tensor,
    saliency: nn.Module | None = None,
    swapped: bool = False,
    draws: Draws | None = None,
    **how: Any,
) -> Tensor:
    """Dual perturbation in l-infinity (Section 3.2): small changes in the foreground, larger ones in the background.

    Ascends cross-entropy + ``weight`` S, S being the foreground score of the current image under ``saliency``
    (`lacuna.foreground.saliency.saliency_model`; needed where ``weight`` is above 0), from a random start. Images
    (B, C, H, W) in [0, 1], labels int64 (B,), epsilons in pixel units; ``foreground`` bool (B, H, W) is that of the
    clean images and stays. ``how`` is a `Search`. ``swapped`` exchanges foreground and background in everything, S
    included. Starts and noise come from ``draws``, without them from torch's global generator.

    Raises `LacunaError` for a network or saliency model in training mode, or where the latter is missing, and
    ValueError for images outside [0, 1].
    """
    epsilons = (epsilon_foreground, epsilon_background)
    return _dual(LINF, model, x, labels, epsilons, weight, foreground ^ swapped, saliency, draws, Search(**how))


def dual_l2(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    epsilon_foreground: float,
    epsilon_background: float,
    weight: float,
    foreground: Tensor,
    saliency: nn.Module | None = None,
    swapped: bool = False,
    reference: int | None = None,
    draws: Draws | None = None,
    **how: Any,
) -> Tensor:
    """`dual` with the l2 norm in each region; epsilons are l2 lengths of pixels in [0, 1].

    With ``reference`` they are stated for an image of so many values and scale with the square root of this one's,
    which keeps the mean change of a value.
    """
    epsilons = tuple(scaled(epsilon, x, reference) for epsilon in (epsilon_foreground, epsilon_background))
    return _dual(L2, model, x, labels, epsilons, weight, foreground ^ swapped, saliency, draws, Search(**how))


def pgd_l2(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    epsilon_l2: float,
    reference: int | None = None,
    draws: Draws | None = None,
    **how: Any,
) -> Tensor:
    """PGD in the l2 ball from a random start: `dual_l2` with the whole image as one region and no salience term."""
    search = Search(**how)
    regions = [search.region(scaled(epsilon_l2, x, reference))]
    _check_range(x)
    with frozen(model):
        return ascended(L2, Objective(model, labels), x, regions, search, draws)


def scaled(epsilon: float, x: Tensor, reference: int | None) -> float:
    """An l2 length stated for ``reference`` values, for the values of one of these images."""
    return epsilon * sqrt(prod(x.shape[1:]) / reference) if reference else epsilon


@dataclass(frozen=True)
class Search:
    """How a budget is searched: ``steps`` of ``step_scale`` epsilon / steps each, from each of ``restarts`` starts.

    An image that fools the network needs no further start.

    With ``noise`` the cross-entropy is the mean over ``samples`` images with Gaussian noise of that standard
    deviation (pixel units), drawn anew at each step: expectation over transformation, against randomised smoothing.
    """

    steps: int
    step_scale: float = 2.5
    restarts: int = 1
    noise: float = 0
    samples: int = 1

    def region(self, radius: float, mask: Tensor | None = None) -> Region:
        """A region with the step that goes with its radius."""
        return Region(radius, self.step_scale * radius / self.steps, mask)


@dataclass(frozen=True)
class Objective:
    """What is ascended: cross-entropy, and ``weight`` times the share of saliency in ``foreground`` (Equation 3)."""

    model: nn.Module
    labels: Tensor
    weight: float = 0
    saliency: nn.Module | None = None
    foreground: Tensor | None = None

    def where(self, chosen: Tensor) -> "Objective":
        """That of the images for which ``chosen``, bool (B,), is true."""
        foreground = None if self.foreground is None else self.foreground[chosen]
        return replace(self, labels=self.labels[chosen], foreground=foreground)

    def gradient(self, x: Tensor, noisy: "Noise") -> Tensor:
        """Its gradient at the images, one backward pass per noisy image and one through the saliency model."""
        slopes = [input_gradient(self.model, noisy(x), self.labels) for _ in range(noisy.samples)]
        slope = slopes[0] if len(slopes) == 1 else torch.stack(slopes).mean(0)
        if self.saliency is not None and self.foreground is not None:
            slope = slope + self.weight * score_gradient(self.saliency, x, self.foreground)
        return slope

    @torch.no_grad()
    def value(self, x: Tensor, noisy: "Noise") -> tuple[Tensor, Tensor]:
        """The objective (B,), and whether the network is wrong, bool (B,)."""
        logits = torch.stack([self.model(noisy(x)) for _ in range(noisy.samples)])
        losses = torch.stack([F.cross_entropy(one, self.labels, reduction="none") for one in logits]).mean(0)
        if self.saliency is not None and self.foreground is not None:
            losses = losses + self.weight * foreground_score(self.saliency(x), self.foreground)
        return losses, logits.mean(0).argmax(1) != self.labels


class Noise:
    """Gaussian noise on images, drawn anew at each call, each image's from a generator of its own."""

    def __init__(self, search: Search, draws: Draws | None, name: str) -> None:
        self.sigma, self.samples = search.noise, search.samples if search.noise else 1
        self.generators = draws.generators(name) if draws and self.sigma else None

    def __call__(self, x: Tensor) -> Tensor:
        """The images with noise, not clipped; copied to a device without waiting for it."""
        if not self.sigma:
            return x
        if self.generators is None:
            return x + self.sigma * torch.randn_like(x)
        drawn = torch.stack([torch.randn(x.shape[1:], generator=g, dtype=x.dtype) for g in self.generators])
        drawn = drawn.pin_memory().to(x.device, non_blocking=True) if x.is_cuda else drawn
        return x + self.sigma * drawn


def ascended(
    norm: Norm, objective: Objective, x: Tensor, regions: list[Region], search: Search, draws: Draws | None
) -> Tensor:
    """The best of the restarts, image by image, with the network in the mode it is in.

    An image that fools the network is not attacked again; of the others the result of highest objective is kept.
    """
    best, noisy = _once(norm, objective, x, regions, search, draws, 0)
    if search.restarts == 1:
        return best
    value, wrong = objective.value(best, noisy)
    for restart in range(1, search.restarts):
        if not (left := ~wrong).any():
            break
        part = objective.where(left), x[left], [region.where(left) for region in regions]
        made, noisy = _once(norm, *part, search, draws.where(left) if draws else None, restart)
        reached, fooled = part[0].value(made, noisy)
        better = fooled | (reached > value[left])
        places = left.nonzero()[better, 0]
        best[places], value[places], wrong[places] = made[better], reached[better], fooled[better]
    return best


def _once(
    norm: Norm, objective: Objective, x: Tensor, regions: list[Region], search: Search, draws: Draws | None, number: int
) -> tuple[Tensor, Noise]:
    """The result of one restart, and the noise as it left it."""
    noisy = Noise(search, draws, f"noise {number}")
    start = random_start(x, regions, norm, draws, f"start {number}")
    return ascend(partial(objective.gradient, noisy=noisy), x, start, regions, norm, search.steps), noisy


def _dual(
    norm: Norm,
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    epsilons: tuple[float, ...],
    weight: float,
    foreground: Tensor,
    saliency: nn.Module | None,
    draws: Draws | None,
    search: Search,
) -> Tensor:
    _check_range(x)
    regions = dual_regions(x, epsilons, foreground, search)
    if not weight:
        with frozen(model):
            return ascended(norm, Objective(model, labels), x, regions, search, draws)
    if saliency is None:
        raise LacunaError(f"a salience term of weight {weight} needs a saliency model; allowed without one: weight 0")
    with frozen(model), frozen(saliency):
        objective = Objective(model, labels, weight, saliency, foreground)
        return ascended(norm, objective, x, regions, search, draws)


def dual_regions(x: Tensor, epsilons: tuple[float, ...], foreground: Tensor, search: Search) -> list[Region]:
    """Foreground and background of images from a mask bool (B, H, W), each with its epsilon."""
    inside = foreground[:, None].to(x.dtype)
    return [search.region(epsilons[0], inside), search.region(epsilons[1], 1 - inside)]


def _check_range(x: Tensor) -> None:
    if not (x.min() >= 0 and x.max() <= 1):  # also refuses NaN
        raise ValueError(f"images must lie in [0, 1], not [{float(x.min())}, {float(x.max())}]")
