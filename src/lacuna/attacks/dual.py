"""Dual perturbation: foreground and background of images with a budget each."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from lacuna.attacks.core.ball import check_range
from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.regions import L2, LINF, Norm
from lacuna.attacks.core.search import Loss, Search, length_for, search_regions
from lacuna.attacks.core.victim import freeze
from lacuna.errors import LacunaError


def dual(model: nn.Module, x: Tensor, labels: Tensor, *, saliency: nn.Module | None = None, **budget: Any) -> Tensor:
    """Dual perturbation in l-infinity (Section 3.2): small changes in the foreground, larger ones in the background.

    The ``budget`` is that of `ascend_dual`. Raises `LacunaError` for a network or saliency model in training mode, or
    where the latter is missing, and ValueError for images outside [0, 1].
    """
    with _held_still(model, x, budget["weight"], saliency):
        return ascend_dual(model, x, labels, saliency=saliency, **budget)


def dual_l2(model: nn.Module, x: Tensor, labels: Tensor, *, saliency: nn.Module | None = None, **budget: Any) -> Tensor:
    """`dual` with the l2 norm in each region; the ``budget`` is that of `ascend_dual_l2`."""
    with _held_still(model, x, budget["weight"], saliency):
        return ascend_dual_l2(model, x, labels, saliency=saliency, **budget)


@contextmanager
def _held_still(model: nn.Module, x: Tensor, weight: float, saliency: nn.Module | None) -> Iterator[None]:
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
    """`dual` on the model in the mode it is in: adversarial training calls it in training mode.

    Ascends cross-entropy + ``weight`` S, S being the foreground score of the current image under ``saliency``
    (`lacuna.foreground.saliency.saliency_model`; needed where ``weight`` is above 0), from a random start. Images
    (B, C, H, W) in [0, 1], labels int64 (B,), epsilons in pixel units; ``foreground`` bool (B, H, W) is that of the
    clean images and stays. ``how`` is a `Search`. ``swapped`` exchanges foreground and background in everything, S
    included. Starts and noise come from ``draws``, without them from torch's global generator.
    """
    epsilons, inside = (epsilon_foreground, epsilon_background), foreground ^ swapped
    loss = Loss(model, labels, weight, saliency if weight else None, inside)
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
    reference: int | None = None,
    draws: Draws | None = None,
    **how: Any,
) -> Tensor:
    """`ascend_dual` with the l2 norm in each region; epsilons are l2 lengths of pixels in [0, 1].

    They are those of images of ``reference`` values if that is stated (`length_for`).
    """
    epsilons = (length_for(epsilon_foreground, x, reference), length_for(epsilon_background, x, reference))
    inside = foreground ^ swapped
    loss = Loss(model, labels, weight, saliency if weight else None, inside)
    return _ascend(L2, loss, x, epsilons, inside, draws, Search(**how))


def _ascend(
    norm: Norm,
    loss: Loss,
    x: Tensor,
    epsilons: tuple[float, float],
    foreground: Tensor,
    draws: Draws | None,
    search: Search,
) -> Tensor:
    """Ascends in foreground and background, each with its epsilon."""
    inside = foreground[:, None].to(x.dtype)
    regions = [search.region(epsilons[0], inside), search.region(epsilons[1], 1 - inside)]
    return search_regions(norm, loss, x, regions, search, draws)
