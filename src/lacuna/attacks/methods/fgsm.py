"""FGSM: one signed-gradient step (Goodfellow et al. 2015; Defective CNN, appendix E)."""

from lacuna.attacks.core.parameters import EPSILON
from lacuna.language.methods import Method, refuse_invisible

METHOD = Method(
    function="lacuna.attacks.fgsm:fgsm",
    modules=(
        "attacks/core/ball",
        "attacks/core/draws",
        "attacks/core/parameters",
        "attacks/core/victim",
        "attacks/pgd",
        "numerics/seeding",
    ),
    required=(EPSILON,),
    refuse=refuse_invisible("epsilon"),
    fast=True,
)
