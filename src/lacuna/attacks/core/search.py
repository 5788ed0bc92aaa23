"""Searches regions of images that have a budget each: what ascends, from how many starts, against which noise."""

from dataclasses import dataclass, replace
from functools import partial
from math import prod, sqrt

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.regions import Norm, Region, ascend, random_start
from lacuna.attacks.core.victim import input_gradient
from lacuna.foreground.score import foreground_score, score_gradient


def length_for(epsilon: float, x: Tensor, reference: int | None) -> float:
    """An l2 length that is stated for images of ``reference`` values, for images with the values of ``x``.

    The length grows with the square root of their number, which keeps the mean change of a value. Without
    ``reference`` the length stays.
    """
    return epsilon * sqrt(prod(x.shape[1:]) / reference) if reference else epsilon


@dataclass(frozen=True)
class Search:
    """How a budget is searched: ``steps`` of ``step_scale`` epsilon / steps each, from each of ``restarts`` starts.

    An image that fools the network needs no further start.

    With ``noise`` the cross-entropy is the mean over ``samples`` images with Gaussian noise of that standard deviation
    (pixel units). Each step draws the noise anew. This is expectation over transformation, against randomised
    smoothing.
    """

    steps: int
    step_scale: float = 2.5
    restarts: int = 1
    noise: float = 0
    samples: int = 1

    def region(self, radius: float | Tensor, mask: Tensor | None = None) -> Region:
        """A region with the step that its radius implies."""
        return Region(radius, self.step_scale * radius / self.steps, mask)


@dataclass(frozen=True)
class SalientLoss:
    """What a search ascends: cross-entropy, and ``weight`` times the foreground's share of saliency (Equation 3)."""

    model: nn.Module
    labels: Tensor
    weight: float = 0
    saliency: nn.Module | None = None
    foreground: Tensor | None = None

    def where(self, chosen: Tensor) -> "SalientLoss":
        """The loss of the images for which ``chosen``, bool (B,), is true."""
        foreground = None if self.foreground is None else self.foreground[chosen]
        return replace(self, labels=self.labels[chosen], foreground=foreground)

    def gradient(self, x: Tensor, noise: "Noise") -> Tensor:
        """The gradient at the images: a backward pass per noisy image, and one through the saliency model."""
        slopes = [input_gradient(self.model, noise(x), self.labels) for _ in range(noise.samples)]
        slope = slopes[0] if len(slopes) == 1 else torch.stack(slopes).mean(0)
        if self.saliency is not None and self.foreground is not None:
            slope = slope + self.weight * score_gradient(self.saliency, x, self.foreground)
        return slope

    @torch.no_grad()
    def value(self, x: Tensor, noise: "Noise") -> tuple[Tensor, Tensor]:
        """The loss (B,), and whether the network is wrong, bool (B,)."""
        logits = torch.stack([self.model(noise(x)) for _ in range(noise.samples)])
        losses = torch.stack([F.cross_entropy(one, self.labels, reduction="none") for one in logits]).mean(0)
        if self.saliency is not None and self.foreground is not None:
            losses = losses + self.weight * foreground_score(self.saliency(x), self.foreground)
        return losses, logits.mean(0).argmax(1) != self.labels


class Noise:
    """Gaussian noise on images: each call draws it anew, for each image from a generator of its own."""

    def __init__(self, search: Search, draws: Draws | None, name: str) -> None:
        self.sigma, self.samples = search.noise, search.samples if search.noise else 1
        self.generators = draws.generators(name) if draws and self.sigma else None

    def __call__(self, x: Tensor) -> Tensor:
        """The images with noise, not clipped. Nothing waits for the device."""
        if not self.sigma:
            return x
        if self.generators is None:
            return x + self.sigma * torch.randn_like(x)
        drawn = torch.stack([torch.randn(x.shape[1:], generator=g, dtype=x.dtype) for g in self.generators])
        drawn = drawn.pin_memory().to(x.device, non_blocking=True) if x.is_cuda else drawn
        return x + self.sigma * drawn


def search_regions(
    norm: Norm, loss: SalientLoss, x: Tensor, regions: list[Region], search: Search, draws: Draws | None
) -> Tensor:
    """Of each image the best result of all restarts, with the network in its present mode.

    An image that fools the network is not attacked again. Of any other image the result of highest loss is the best.
    """
    best, noise = _restart(norm, loss, x, regions, search, draws, 0)
    if search.restarts == 1:
        return best
    value, wrong = loss.value(best, noise)
    for number in range(1, search.restarts):
        if not (left := ~wrong).any():
            break
        part = loss.where(left), x[left], [region.where(left) for region in regions]
        made, noise = _restart(norm, *part, search, draws.where(left) if draws else None, number)
        reached, fooled = part[0].value(made, noise)
        better = fooled | (reached > value[left])
        places = left.nonzero()[better, 0]
        best[places], value[places], wrong[places] = made[better], reached[better], fooled[better]
    return best


def _restart(
    norm: Norm, loss: SalientLoss, x: Tensor, regions: list[Region], search: Search, draws: Draws | None, number: int
) -> tuple[Tensor, Noise]:
    """The result of one restart, and its noise, whose generators have moved on."""
    noise = Noise(search, draws, f"noise {number}")
    start = random_start(x, regions, norm, draws, f"start {number}")
    return ascend(partial(loss.gradient, noise=noise), x, start, regions, norm, search.steps), noise
