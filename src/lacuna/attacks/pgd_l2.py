"""PGD in the l2 ball: the baseline of dual perturbation in l2."""

from typing import Any

from torch import Tensor, nn

from lacuna.attacks.core.ball import check_range
from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.regions import L2
from lacuna.attacks.core.search import SalientLoss, Search, length_for, search_regions
from lacuna.attacks.core.victim import freeze


def pgd_l2(model: nn.Module, x: Tensor, labels: Tensor, **budget: Any) -> Tensor:
    """PGD in the l2 ball from a random start: dual perturbation with the whole image as its only region.

    The ``budget`` is that of `ascend_ball_l2`. Raises `LacunaError` for a network in training mode, and ValueError for
    images outside [0, 1].
    """
    check_range(x)
    with freeze(model):
        return ascend_ball_l2(model, x, labels, **budget)


def ascend_ball_l2(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    epsilon_l2: float,
    reference: int | None = None,
    draws: Draws | None = None,
    **how: Any,
) -> Tensor:
    """`pgd_l2` on the model in its present mode: adversarial training calls it in training mode.

    Images are (B, C, H, W) in [0, 1], labels int64 (B,). ``epsilon_l2`` is a length of pixels in [0, 1]; with
    ``reference`` it is stated for images of so many values (`length_for`). ``how`` is a `Search`. Starts and noise come
    from ``draws``, without them from torch's global generator.
    """
    search = Search(**how)
    regions = [search.region(length_for(epsilon_l2, x, reference))]
    return search_regions(L2, SalientLoss(model, labels), x, regions, search, draws)
