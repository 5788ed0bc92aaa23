"""MI-FGSM: signed-gradient steps with momentum (Dong et al. 2018; Defective CNN, appendix B)."""

from lacuna.attacks.core.parameters import EPSILON, STEP, STEPS
from lacuna.language.methods import NOT_NEGATIVE, Method, Parameter

METHOD = Method(
    function="lacuna.attacks.mifgsm:mifgsm",
    modules=(
        "attacks/core/ball",
        "attacks/core/draws",
        "attacks/core/parameters",
        "attacks/core/victim",
        "numerics/seeding",
    ),
    required=(EPSILON, STEP, STEPS),
    optional=(Parameter("decay", NOT_NEGATIVE, "d"),),
)
