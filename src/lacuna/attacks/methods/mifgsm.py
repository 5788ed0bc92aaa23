"""MI-FGSM: signed-gradient steps with momentum (Dong et al. 2018; Defective CNN, appendix B)."""

from lacuna.attacks.core.parameters import EPSILON, STEP, STEPS, refuse_steps
from lacuna.language.methods import Method, Parameter, Value, first_of, refuse_invisible

_DECAY = Value.number("a number of at least 0 and at most 2, beyond which the first steps decide", minimum=0, maximum=2)

METHOD = Method(
    function="lacuna.attacks.mifgsm:mifgsm",
    modules=(
        "attacks/core/ball",
        "attacks/core/directions",
        "attacks/core/draws",
        "attacks/core/parameters",
        "attacks/core/victim",
        "numerics/seeding",
    ),
    required=(EPSILON, STEP, STEPS),
    optional=(Parameter("decay", _DECAY, "d"),),
    refuse=first_of(refuse_steps, refuse_invisible("epsilon")),
    fast=True,
)
