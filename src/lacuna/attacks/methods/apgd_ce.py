"""APGD on the cross-entropy (Croce and Hein 2020, Algorithm 1)."""

from lacuna.attacks.core.parameters import EPSILON, RESTARTS, STEPS
from lacuna.language.methods import Method, refuse_invisible

METHOD = Method(
    function="lacuna.attacks.apgd:apgd_ce",
    modules=(
        "attacks/core/ball",
        "attacks/core/draws",
        "attacks/core/parameters",
        "attacks/core/victim",
        "numerics/seeding",
    ),
    required=(EPSILON, STEPS),
    optional=(RESTARTS,),
    refuse=refuse_invisible("epsilon"),
    draws=True,
)
