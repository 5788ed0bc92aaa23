"""LS-PGA, against thermometer encoding (Buckman et al. 2018, section 4)."""

from lacuna.attacks.core.parameters import EPSILON, STEPS
from lacuna.language.methods import POSITIVE, Method, Parameter, Signature

_TAKEN = (EPSILON, STEPS, Parameter("logit_step", POSITIVE))

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
    draws=True,
    training=Signature(function="lacuna.attacks.lspga:ascend_levels", required=_TAKEN),
)
