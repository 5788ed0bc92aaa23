"""Ascent in regions of an image that have a budget each: one loop for l-infinity and l2, for one region or two."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lacuna.attacks.core.directions import unit_l2
from lacuna.attacks.core.draws import Draws


@dataclass(frozen=True)
class Region:
    """Pixels that share a budget: ``radius`` and ``step`` are lengths in the attack's norm.

    Both are numbers, or tensors (B, 1, 1, 1) where each image has its own. ``mask`` (B, 1, H, W) is 1 inside and 0
    outside, of the images' type; None means the whole image. A region may be empty for some images.
    """

    radius: float | Tensor
    step: float | Tensor
    mask: Tensor | None = None

    def part(self, tensor: Tensor) -> Tensor:
        """What of a tensor (B, C, H, W) lies in the region; zero elsewhere."""
        return tensor if self.mask is None else tensor * self.mask

    def where(self, chosen: Tensor) -> "Region":
        """The region of the images for which ``chosen``, bool (B,), is true."""
        of_images = {key: value[chosen] for key, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **of_images)

    def towards(self, change: Tensor, direction: Tensor) -> Tensor:
        """The region's part of a change after one step in a direction (B, C, H, W)."""
        if isinstance(self.step, Tensor):
            return self.part(change) + self.step * direction
        return self.part(change).add(direction, alpha=self.step)


@dataclass(frozen=True)
class Norm:
    """What l-infinity and l2 differ in; every function works on a region's part (B, C, H, W), each image by itself.

    ``direction`` of a gradient is the longest step of length one; ``project`` brings a change back to a radius;
    ``start`` is a random change of length at most one, from draws, a name and images that it is for.
    """

    direction: Callable[[Tensor], Tensor]
    project: Callable[[Tensor, float | Tensor], Tensor]
    start: Callable[[Draws | None, str, Tensor, Region], Tensor]


def ascend(
    gradient: Callable[[Tensor], Tensor],
    x: Tensor,
    start: Tensor,
    regions: Sequence[Region],
    norm: Norm,
    steps: int,
) -> Tensor:
    """Steps along the gradient from ``start``, in each region by its own step and back to its own radius.

    Images (B, C, H, W) in [0, 1]; ``gradient`` is asked once per step, at the merged image, which is clipped to
    [0, 1] after each. Clipping moves values towards ``x``, so it keeps every budget. Nothing waits for the device.
    """
    adversarial = start
    for _ in range(steps):
        slope, change = gradient(adversarial), adversarial - x
        moved = [_moved(region, norm, change, slope) for region in regions]
        adversarial = (x + sum(moved)).clamp_(0, 1)
    return adversarial


def _moved(region: Region, norm: Norm, change: Tensor, slope: Tensor) -> Tensor:
    """A region's part of the change after one step."""
    further = region.towards(change, norm.direction(region.part(slope)))
    return norm.project(further, region.radius)


def random_start(x: Tensor, regions: Sequence[Region], norm: Norm, draws: Draws | None, name: str) -> Tensor:
    """Images with a random change in each region, within its radius and in [0, 1]; without ``draws`` from torch."""
    parts = [norm.start(draws, f"{name} {i}", x, region) * region.radius for i, region in enumerate(regions)]
    return (x + sum(parts)).clamp_(0, 1)


def _shortened(change: Tensor, radius: float | Tensor) -> Tensor:
    """A change of pixels, with an l2 norm of ``radius`` at most."""
    length = change.square().sum((1, 2, 3), keepdim=True).sqrt_()
    return change * torch.where(length > radius, radius / length, 1)


def _in_cube(draws: Draws | None, name: str, x: Tensor, region: Region) -> Tensor:
    """Uniform in the l-infinity ball."""
    drawn = torch.rand_like(x) if draws is None else draws.uniform(name, x)
    return region.part(2 * drawn - 1)


def _in_ball(draws: Draws | None, name: str, x: Tensor, region: Region) -> Tensor:
    """A uniform direction times a uniform length: uniform in the ball would put every start on its surface."""
    lengths = x.new_empty(len(x), 1, 1, 1)
    if draws is None:
        direction, length = torch.randn_like(x), torch.rand_like(lengths)
    else:
        direction, length = draws.normal(name, x), draws.uniform(f"{name} length", lengths)
    return unit_l2(region.part(direction)) * length


def _clamped(change: Tensor, radius: float | Tensor) -> Tensor:
    """A change of pixels, of ``radius`` at most in each value."""
    return change.clamp(-radius, radius)  # type: ignore[arg-type]


LINF = Norm(torch.sign, _clamped, _in_cube)
L2 = Norm(unit_l2, _shortened, _in_ball)
