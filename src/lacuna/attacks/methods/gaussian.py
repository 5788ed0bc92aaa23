"""Gaussian noise, without a network (Defective CNN, Section 4.3)."""

from lacuna.language.methods import PIXELS, Method, Parameter, refuse_invisible

METHOD = Method(
    function="lacuna.attacks.gaussian:gaussian",
    modules=(
        "attacks/core/draws",
        "numerics/seeding",
    ),
    required=(Parameter("sigma", PIXELS, "s"),),
    refuse=refuse_invisible("sigma", reach=2),  # noise is cut off at two standard deviations
    loss="",
    draws=True,
    network=False,
)
