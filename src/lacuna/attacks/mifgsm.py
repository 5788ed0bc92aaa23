"""MI-FGSM, as the Defective CNN paper runs it."""

import torch
from torch import Tensor, nn

from lacuna.attacks.core.ball import box, check_range, signed_steps
from lacuna.attacks.core.directions import unit_l1
from lacuna.attacks.core.victim import freeze, input_gradient


def mifgsm(
    model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float, step: float, steps: int, decay: float = 1.0
) -> Tensor:
    """Momentum iterative FGSM: each step goes along the sign of g = ``decay`` g + gradient / its l1 norm per image.

    Images, labels, units, clipping and errors are as in `lacuna.attacks.pgd`. The released code has decay 1, which the
    paper leaves open (appendix B), and no random start.
    """
    check_range(x)
    momentum = torch.zeros_like(x)

    def direction(images: Tensor) -> Tensor:
        nonlocal momentum
        momentum = decay * momentum + unit_l1(input_gradient(model, images, labels))
        return momentum.sign()

    with freeze(model):
        return signed_steps(direction, x, box(x, epsilon), step, steps)
