"""The boundary attack of foolbox, by decisions alone (Brendel et al. 2018; Defective CNN, Section 4.2.1)."""

from lacuna.attacks.core.parameters import STEPS
from lacuna.language.methods import POSITIVE, Method, Parameter, Value

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
        Parameter("spherical_step", POSITIVE),
        Parameter("source_step", POSITIVE),
        Parameter("step_adaptation", Value.number("a number above 1", exclusiveMinimum=1)),
    ),
    loss="",
    draws=True,
    resumable=True,
)
