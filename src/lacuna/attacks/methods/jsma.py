"""JSMA of the Adversarial Robustness Toolbox (Papernot et al. 2016)."""

from math import ceil

from lacuna.language.methods import HALF_A_LEVEL, MARGIN, SHARE, Budget, Images, Method, Parameter, Refusal, Value

PAIR = 2  # pixels that a step raises
_RAISE = Value.number(
    "a number from 1/510 to 1; less changes no image that is saved with 8 bits", minimum=float(HALF_A_LEVEL), maximum=1
)


def _refuse_images(budget: Budget, images: Images) -> Refusal:
    pixels = images.side**2
    if int(budget["gamma"] * pixels + 1e-9) < PAIR:  # as lacuna.attacks.jsma counts them
        return "gamma", f"at least {ceil(10**6 * PAIR / pixels) / 10**6:g}, a pair of pixels"
    return None


METHOD = Method(
    function="lacuna.attacks.jsma:jsma",
    modules=(
        "attacks/core/draws",
        "attacks/core/toolbox",
        "attacks/core/victim",
        "numerics/seeding",
    ),
    required=(Parameter("gamma", SHARE, "g"),),
    optional=(Parameter("theta", _RAISE, "h"),),
    refuse_images=_refuse_images,
    loss=MARGIN,
    draws=True,
    resumable=True,
)
