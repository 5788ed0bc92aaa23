"""LS-PGA, against thermometer encoding (Buckman et al. 2018, section 4)."""

from fractions import Fraction

from lacuna.attacks.core.parameters import EPSILON, STEPS
from lacuna.language.methods import POSITIVE, Method, Parameter, Signature, refuse_invisible

_TAKEN = (EPSILON, STEPS, Parameter("logit_step", POSITIVE))
_REFUSE = refuse_invisible("epsilon", least=Fraction(1, 255))  # a pixel of another level is another 8-bit value

METHOD = Method(
    function="lacuna.attacks.lspga:lspga",
    modules=(
        "attacks/core/draws",
        "attacks/core/parameters",
        "attacks/core/victim",
        "models/thermometer",
        "numerics/seeding",
    ),
    required=_TAKEN,
    refuse=_REFUSE,
    draws=True,
    pixels=False,
    training=Signature(function="lacuna.attacks.lspga:ascend_levels", required=_TAKEN, refuse=_REFUSE),
)
