"""CW-L2 of foolbox, with a confidence."""

from torch import Tensor, nn

from lacuna.attacks.core.draws import AttackResult
from lacuna.attacks.core.foolbox_model import keep_clean, problem
from lacuna.attacks.core.margins import margins
from lacuna.attacks.core.victim import freeze


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
) -> AttackResult:
    """CW-L2, untargeted: the nearest image on which a wrong logit exceeds the true one by more than ``kappa``.

    Images are (B, C, H, W) in [0, 1], labels int64 (B,). The constant before the loss starts at ``initial_const`` and
    is tried ``binary_search_steps`` times, with ``steps`` steps of Adam each. Where no image reaches kappa the result
    is the clean image, not valid. The result for an image does not depend on its batch.

    Four things differ from the released code (cwl2.py):

    * The tanh box is [0, 1] in pixels, there one interval over all normalised channels.
    * Distances are in pixels, there in normalised space: ``learning_rate`` and ``initial_const`` are not comparable.
    * Adam and the change start anew at every constant, there they go on.
    * A search makes all its steps; there a batch stops when its summed loss stalls.

    As there, the constant grows tenfold until a success and is bisected after it. With ten searches or more the last
    takes the smallest constant that succeeded. The formula in the paper (appendix A.7) has the sign of the margin
    reversed. Raises `LacunaError` for a model in training mode.
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
    with freeze(model):
        found = attack.run(*problem(model, x, labels))
        # foolbox gives a black image where it found none, and the network may be wrong on that
        valid = found.flatten(1).any(1) & (margins(model, found, labels) < -kappa)
    return AttackResult(keep_clean(found, x, valid), valid)
