"""Gaussian noise, without a network (Defective CNN, Section 4.3)."""

from lacuna.language.methods import PIXELS, Method, Parameter

METHOD = Method(
    function="lacuna.attacks.gaussian:gaussian",
    modules=(
        "attacks/core/draws",
        "numerics/seeding",
    ),
    required=(Parameter("sigma", PIXELS, "s"),),
    loss="",
    draws=True,
    network=False,
)
