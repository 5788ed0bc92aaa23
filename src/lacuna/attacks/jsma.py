"""The Jacobian-based saliency map attack of the Adversarial Robustness Toolbox: it changes few pixels a lot."""

import torch
from torch import Tensor, nn

from lacuna.attacks.core.draws import AttackResult, Draws
from lacuna.attacks.core.toolbox import estimator
from lacuna.attacks.core.victim import freeze

PAIR = 2  # values that the attack raises at each step


def jsma(
    model: nn.Module, x: Tensor, labels: Tensor, *, gamma: float, theta: float = 1.0, draws: Draws | None = None
) -> AttackResult:
    """JSMA (Papernot et al. 2016): raises by ``theta``, two at a time, the values that favour a random wrong class.

    Images are float32 (B, C, H, W) in [0, 1], labels int64 (B,). At most the share ``gamma`` of an image's pixels
    changes. The toolbox counts values of all channels and goes one pair too far. It is therefore given as many values
    as pixels may change, less a pair: on colour images at most a third of the values that it would change. An image
    that is in the wrong class already stays. ``wanted`` in ``extras`` is that class, drawn uniformly from all but the
    true one. Raises `LacunaError` for a model in training mode.
    """
    from art.attacks.evasion import SaliencyMapMethod

    with freeze(model):
        victim = estimator(model, x)
        wanted = _other_classes(labels, victim.nb_classes, draws)
        values = int(gamma * x.shape[2] * x.shape[3] + 1e-9)  # 0.07 * 100 is less than 7
        made = x
        if values >= PAIR:
            limit = (values - PAIR + 0.5) / x[0].numel()  # it goes on while the share of changed values is below
            attack = SaliencyMapMethod(victim, theta=theta, gamma=limit, batch_size=len(x), verbose=False)
            found = torch.from_numpy(attack.generate(x.cpu().numpy(), wanted.cpu().numpy()))
            made = found.to(x.device, x.dtype)
    return AttackResult(made, torch.ones(len(x), dtype=torch.bool, device=x.device), {"wanted": wanted})


def _other_classes(labels: Tensor, classes: int, draws: Draws | None) -> Tensor:
    """For each image a class that is not its own, drawn uniformly."""
    places = torch.empty(len(labels), dtype=torch.float64, device=labels.device)
    drawn = torch.rand_like(places) if draws is None else draws.uniform("wanted", places)
    return (labels + 1 + (drawn * (classes - 1)).long()) % classes
