"""The Square attack of the Adversarial Robustness Toolbox: random squares, by scores alone, without gradients."""

import numpy as np
import torch
from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.toolbox import estimator
from lacuna.attacks.core.victim import freeze


def square(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float, queries: int, draws: Draws) -> Tensor:
    """Square attack (Andriushchenko et al. 2020) in the l-infinity ball: keeps random squares that lower the margin.

    Images are float32 (B, C, H, W) in [0, 1], labels int64 (B,), ``epsilon`` in pixel units. ``queries`` counts the
    squares that are tried; the stripes of the start are one query more. An image that fools the network is left alone.
    The library draws from numpy's global state. This state is seeded from the first image, and put back afterwards.
    The images of a call share their squares. Raises `LacunaError` for a model in training mode.
    """
    from art.attacks.evasion import SquareAttack

    state = np.random.get_state()
    np.random.seed(draws.seeds("squares")[0] % 2**32)
    try:
        with freeze(model):
            attack = SquareAttack(estimator(model, x), eps=epsilon, max_iter=queries, batch_size=len(x), verbose=False)
            made = attack.generate(x.cpu().numpy(), labels.cpu().numpy())
    finally:
        np.random.set_state(state)
    return torch.from_numpy(made).to(x.device)
