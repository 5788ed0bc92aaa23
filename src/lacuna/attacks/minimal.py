"""Attacks that look for the smallest change: CW-L2 with a confidence, and the boundary attack, both of foolbox."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.draws import Draws, Made
from lacuna.attacks.victim import frozen
from lacuna.numerics.images import as_pixels

BLENDS = 50  # steps of the line search from the image to the noise that a walk starts at; foolbox's default there
ROUNDING = 1e-5  # of logits: foolbox refuses a start that another batch size would make correct


def cw(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    kappa: float,
    steps: int,
    binary_search_steps: int,
    learning_rate: float,
    initial_const: float,
) -> Made:
    """CW-L2, untargeted: the nearest image on which a wrong logit exceeds the true one by more than ``kappa``.

    Images (B, C, H, W) in [0, 1], labels int64 (B,); the constant before the loss starts at ``initial_const``, is
    searched ``binary_search_steps`` times, each of ``steps`` steps of Adam. Where no image reaches kappa the result
    is the clean image, not valid. An image's result does not depend on its batch.

    Differs from the released code (cwl2.py): the tanh box is [0, 1] in pixels, there one interval over all
    normalised channels; distances are in pixels, there in normalised space, so ``learning_rate`` and
    ``initial_const`` are not comparable; Adam and the change start anew at every constant, there they go on; no
    early abort, there a batch stops when its summed loss stalls. Equal: the constant grows tenfold until a success,
    then is bisected; with ten searches or more the last takes the smallest that succeeded. The paper's formula
    (appendix A.7) has the sign of the margin reversed. Raises `LacunaError` for a model in training mode.
    """
    from foolbox.attacks.carlini_wagner import L2CarliniWagnerAttack

    attack = L2CarliniWagnerAttack(
        binary_search_steps=binary_search_steps,
        steps=steps,
        stepsize=learning_rate,
        confidence=kappa,
        initial_const=initial_const,
        abort_early=False,  # it looks at the loss of the whole batch
    )
    with frozen(model):
        found = attack.run(*_foolbox(model, x, labels))
        # foolbox gives a black image where it found none, and the network may be wrong on that
        valid = found.flatten(1).any(1) & (margins(model, found, labels) < -kappa)
    return Made(_or_clean(found, x, valid), valid)


def _foolbox(model: nn.Module, x: Tensor, labels: Tensor) -> tuple[Any, Tensor, Any]:
    """What foolbox's attacks take: the network, the images, and that they shall be misclassified."""
    from foolbox.criteria import Misclassification
    from foolbox.models.pytorch import PyTorchModel

    return PyTorchModel(model, bounds=(0, 1), device=x.device), x, Misclassification(labels)


def _or_clean(made: Tensor, x: Tensor, valid: Tensor) -> Tensor:
    return torch.where(valid.view(-1, 1, 1, 1), made, x).detach()


@torch.no_grad()
def margins(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """True logit minus the best wrong one, (B,): negative where the network is wrong."""
    logits = model(x)
    true = F.one_hot(labels, logits.shape[1]).bool()
    return logits[true] - logits.masked_fill(true, -torch.inf).amax(1)


def median_margin(model: nn.Module, images: Tensor, labels: Tensor, batch: int) -> float:
    """Median of a network's `margins` over images uint8 (N, C, H, W): the scale that a relative kappa multiplies."""
    places = [slice(start, start + batch) for start in range(0, len(images), batch)]
    parts = [margins(model, as_pixels(images[place]), labels[place]) for place in places]
    return float(torch.cat(parts).double().quantile(0.5))


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
) -> Made:
    """Boundary attack (Section 4.2.1): a walk along the decision boundary towards the image, by decisions alone.

    Images (B, C, H, W) in [0, 1], labels int64 (B,). It starts at uniform noise blended into the image as little as
    needed; an image without a start among foolbox's 1000 noises is not valid. Then at most ``steps`` steps, of
    relative lengths ``spherical_step`` and ``source_step``, changed by the factor ``step_adaptation`` with their
    success. The paper ran foolbox 1 (5000 iterations, up to 25 directions in each); in foolbox 3 a step is one
    direction. The noise of an image is drawn from its own seed and the directions of the walk from the set's, the
    same for all images, so that an image's result does not depend on its batch. Raises `LacunaError` for a model
    in training mode.
    """
    from foolbox.attacks.boundary_attack import BoundaryAttack

    attack = BoundaryAttack(
        steps=steps, spherical_step=spherical_step, source_step=source_step, step_adaptation=step_adaptation
    )
    devices = [x.device] if x.is_cuda else []
    with frozen(model), torch.random.fork_rng(devices=devices):
        starts, valid = _starting_points(model, x, labels, draws)
        walks = valid & (starts != x).flatten(1).any(1)  # no walk from an image that is wrong as it is
        if walks.any():
            torch.manual_seed(draws.seed)
            starts[walks] = attack.run(*_foolbox(model, x[walks], labels[walks]), starting_points=starts[walks])
    return Made(_or_clean(starts, x, valid), valid)


def _starting_points(model: nn.Module, x: Tensor, labels: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """The images blended with noise until misclassified, one at a time, and whether that succeeded."""
    import warnings

    from foolbox.attacks.blended_noise import LinearSearchBlendedUniformNoiseAttack

    attack, starts = LinearSearchBlendedUniformNoiseAttack(steps=BLENDS), []
    for i, seed in enumerate(draws.seeds("start")):
        torch.manual_seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that no noise was found is what ``valid`` says
            starts.append(attack.run(*_foolbox(model, x[i : i + 1], labels[i : i + 1])))
    blended = torch.cat(starts)
    return blended, margins(model, blended, labels) < -ROUNDING
