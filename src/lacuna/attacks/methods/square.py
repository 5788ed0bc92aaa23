"""Square attack of the Adversarial Robustness Toolbox, by scores alone (Andriushchenko et al. 2020)."""

from lacuna.attacks.core.parameters import EPSILON
from lacuna.language.methods import COUNT, Method, Parameter, refuse_invisible

METHOD = Method(
    function="lacuna.attacks.square:square",
    modules=(
        "attacks/core/draws",
        "attacks/core/parameters",
        "attacks/core/toolbox",
        "attacks/core/victim",
        "numerics/seeding",
    ),
    required=(EPSILON, Parameter("queries", COUNT, "n")),
    refuse=refuse_invisible("epsilon"),
    loss="",
    draws=True,
    resumable=True,
    group=128,  # images of a call share their squares
)
