"""The boundary attack of foolbox, by decisions alone (Brendel et al. 2018; Defective CNN, Section 4.2.1)."""

from lacuna.attacks.core.parameters import STEPS
from lacuna.language.methods import Method, Parameter, Value

# Of the distance to the image; foolbox ends a walk whose source step is smaller.
_SHARE = Value.number("a number from 1e-7 to below 1", minimum=1e-7, exclusiveMaximum=1)

METHOD = Method(
    function="lacuna.attacks.boundary:boundary",
    modules=(
        "attacks/core/draws",
        "attacks/core/foolbox_model",
        "attacks/core/margins",
        "attacks/core/parameters",
        "attacks/core/victim",
        "numerics/images",
        "numerics/seeding",
    ),
    required=(
        STEPS.hidden,
        Parameter("spherical_step", _SHARE),
        Parameter("source_step", _SHARE),
        Parameter("step_adaptation", Value.number("a number above 1 and at most 10", exclusiveMinimum=1, maximum=10)),
    ),
    loss="",
    draws=True,
    resumable=True,
)
