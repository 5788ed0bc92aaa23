"""The boundary attack of foolbox."""

import warnings

import torch
from torch import Tensor, nn

from lacuna.attacks.core.draws import AttackResult, Draws
from lacuna.attacks.core.foolbox_model import keep_clean, problem
from lacuna.attacks.core.margins import margins
from lacuna.attacks.core.victim import freeze

BLENDS = 50  # steps of the line search from the image to the noise that a walk starts at; foolbox's default there
ROUNDING = 1e-5  # of logits: foolbox refuses a start that another batch size would make correct


def boundary(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    steps: int,
    spherical_step: float,
    source_step: float,
    step_adaptation: float,
    draws: Draws,
) -> AttackResult:
    """Boundary attack (Section 4.2.1): a walk along the decision boundary towards the image, by decisions alone.

    Images are (B, C, H, W) in [0, 1], labels int64 (B,). The walk starts at the image with as little uniform noise as
    makes the network wrong. An image for which none of foolbox's 1000 noises does that is not valid. At most ``steps``
    steps follow, of relative lengths ``spherical_step`` and ``source_step``; the factor ``step_adaptation`` changes
    these lengths with the success of the steps. The paper ran foolbox 1 (5000 iterations, up to 25 directions in each);
    in foolbox 3 a step is one direction. The noise of an image comes from its own seed. The directions come from the
    seed of the set and are the same for all images, so that the result for an image does not depend on its batch.
    Raises `LacunaError` for a model in training mode.
    """
    from foolbox.attacks.boundary_attack import BoundaryAttack

    attack = BoundaryAttack(
        steps=steps, spherical_step=spherical_step, source_step=source_step, step_adaptation=step_adaptation
    )
    devices = [x.device] if x.is_cuda else []
    with freeze(model), torch.random.fork_rng(devices=devices):
        starts, valid = _starting_points(model, x, labels, draws)
        walks = valid & (starts != x).flatten(1).any(1)  # no walk from an image that is wrong as it is
        if walks.any():
            torch.manual_seed(draws.seed)
            starts[walks] = attack.run(*problem(model, x[walks], labels[walks]), starting_points=starts[walks])
    return AttackResult(keep_clean(starts, x, valid), valid)


def _starting_points(model: nn.Module, x: Tensor, labels: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Blends noise into one image after another until the network is wrong; says where that succeeded."""
    from foolbox.attacks.blended_noise import LinearSearchBlendedUniformNoiseAttack

    attack, starts = LinearSearchBlendedUniformNoiseAttack(steps=BLENDS), []
    for i, seed in enumerate(draws.seeds("start")):
        torch.manual_seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that no noise was found is what ``valid`` says
            starts.append(attack.run(*problem(model, x[i : i + 1], labels[i : i + 1])))
    blended = torch.cat(starts)
    return blended, margins(model, blended, labels) < -ROUNDING
