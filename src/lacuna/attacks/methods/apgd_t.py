"""APGD on the targeted DLR loss (Croce and Hein 2020, Section 4.1)."""

from lacuna.attacks.core.parameters import EPSILON, RESTARTS, STEPS
from lacuna.language.methods import COUNT, MARGIN, Method, Parameter

METHOD = Method(
    function="lacuna.attacks.apgd:apgd_t",
    modules=(
        "attacks/core/ball",
        "attacks/core/draws",
        "attacks/core/parameters",
        "attacks/core/victim",
        "numerics/seeding",
    ),
    required=(EPSILON, STEPS),
    optional=(Parameter("targets", COUNT, "y"), RESTARTS),
    loss=MARGIN,
    draws=True,
)
