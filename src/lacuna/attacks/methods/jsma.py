"""JSMA of the Adversarial Robustness Toolbox (Papernot et al. 2016)."""

from lacuna.language.methods import MARGIN, SHARE, Method, Parameter

METHOD = Method(
    function="lacuna.attacks.jsma:jsma",
    modules=(
        "attacks/core/draws",
        "attacks/core/toolbox",
        "attacks/core/victim",
        "numerics/seeding",
    ),
    required=(Parameter("gamma", SHARE, "g"),),
    optional=(Parameter("theta", SHARE, "h"),),
    loss=MARGIN,
    draws=True,
    resumable=True,
)
