"""Dual perturbation: foreground and background of images with a budget each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.attacks.core.ball import check_range
from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.regions import L2, LINF, Norm
from lacuna.attacks.core.search import SalientLoss, Search, length_for, search_regions
from lacuna.attacks.core.victim import freeze
from lacuna.errors import LacunaError


def dual(model: nn.Module, x: Tensor, labels: Tensor, *, saliency: nn.Module | None = None, **budget: Any) -> Tensor:
    """Dual perturbation in l-infinity (Section 3.2): small changes in the foreground, larger ones in the background.

    The ``budget`` is that of `ascend_dual`. Raises `LacunaError` for a network or saliency model in training mode, or
    where the latter is missing, and ValueError for images outside [0, 1].
    """
    with _freeze_both(model, x, budget["weight"], saliency):
        return ascend_dual(model, x, labels, saliency=saliency, **budget)


def dual_l2(model: nn.Module, x: Tensor, labels: Tensor, *, saliency: nn.Module | None = None, **budget: Any) -> Tensor:
    """Dual perturbation in l2: `dual` with the l2 norm in each region. The ``budget`` is that of `ascend_dual_l2`."""
    with _freeze_both(model, x, budget["weight"], saliency):
        return ascend_dual_l2(model, x, labels, saliency=saliency, **budget)


@contextmanager
def _freeze_both(model: nn.Module, x: Tensor, weight: float, saliency: nn.Module | None) -> Iterator[None]:
    """Checks the range of images, and holds still the network and the saliency model that a ``weight`` needs."""
    check_range(x)
    with freeze(model):
        if not weight:
            yield
        elif saliency is None:
            raise LacunaError(
                f"a salience term of weight {weight} needs a saliency model; allowed without one: weight 0"
            )
        else:
            with freeze(saliency):
                yield


def ascend_dual(
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
    """`dual` on the model in its present mode: adversarial training calls it in training mode.

    Ascends cross-entropy + ``weight`` S from a random start. S is the foreground score of the current image under
    ``saliency`` (`lacuna.foreground.saliency.saliency_model`), which a ``weight`` above 0 needs. Images are
    (B, C, H, W) in [0, 1], labels int64 (B,), epsilons in pixel units. ``foreground`` bool (B, H, W) is that of the
    clean images and stays. ``swapped`` exchanges foreground and background in everything, S included. ``how`` is a
    `Search`. Starts and noise come from ``draws``, without them from torch's global generator.
    """
    epsilons, inside = (epsilon_foreground, epsilon_background), foreground ^ swapped
    loss = SalientLoss(model, labels, weight, saliency if weight else None, inside)
    return _ascend(LINF, loss, x, epsilons, inside, draws, Search(**how))


def ascend_dual_l2(
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
    equal_density: bool = False,
    reference: int | None = None,
    draws: Draws | None = None,
    **how: Any,
) -> Tensor:
    """`ascend_dual` with the l2 norm in each region. Epsilons are l2 lengths of pixels in [0, 1].

    With ``reference`` the epsilons are stated for images of so many values (`length_for`). Where regions are
    ``swapped``, ``equal_density`` keeps the mean squared change per pixel of each budget (ours): a budget grows or
    shrinks with the root of its region's size. An image in which one region is empty keeps its epsilons.
    """
    epsilons: tuple[float | Tensor, float | Tensor]
    epsilons = (length_for(epsilon_foreground, x, reference), length_for(epsilon_background, x, reference))
    if equal_density:
        ratio = _swapped_size(foreground).to(x.dtype)
        epsilons = (epsilons[0] * ratio, epsilons[1] / ratio)
    inside = foreground ^ swapped
    loss = SalientLoss(model, labels, weight, saliency if weight else None, inside)
    return _ascend(L2, loss, x, epsilons, inside, draws, Search(**how))


def _swapped_size(foreground: Tensor) -> Tensor:
    """The root of background over foreground in pixels, (B, 1, 1, 1); 1 where either is empty."""
    pixels = foreground.sum((1, 2)).double()
    others = foreground[0].numel() - pixels
    ratio = torch.where((pixels > 0) & (others > 0), others / pixels, 1)
    return ratio.sqrt().view(-1, 1, 1, 1)


def _ascend(
    norm: Norm,
    loss: SalientLoss,
    x: Tensor,
    epsilons: tuple[float | Tensor, float | Tensor],
    foreground: Tensor,
    draws: Draws | None,
    search: Search,
) -> Tensor:
    """Ascends in the foreground and in the background, each of which has its epsilon."""
    inside = foreground[:, None].to(x.dtype)
    regions = [search.region(epsilons[0], inside), search.region(epsilons[1], 1 - inside)]
    return search_regions(norm, loss, x, regions, search, draws)
