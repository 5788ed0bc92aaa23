"""CW-L2 of foolbox (Carlini and Wagner 2017; Defective CNN, appendix A.7)."""

from math import log10

from lacuna.attacks.core.parameters import STEPS
from lacuna.language.methods import COUNT, MARGIN, NOT_NEGATIVE, POSITIVE, Budget, Method, Parameter, Refusal

LARGEST = 3.4028234e38  # float of 32 bits


def _refuse(budget: Budget) -> Refusal:
    """The constant grows tenfold at each search without success, and must stay a number."""
    most = 1 + int(log10(LARGEST) - log10(budget["initial_const"])) if budget["initial_const"] <= LARGEST else 0
    if not most:
        return "initial_const", f"at most {LARGEST:g}"
    if budget["binary_search_steps"] > most:
        return "binary_search_steps", f"at most {most}: tenfold after each, the constant then outgrows 32 bits"
    return None


METHOD = Method(
    function="lacuna.attacks.cw:cw",
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
        Parameter("binary_search_steps", COUNT),
        Parameter("learning_rate", POSITIVE),
        Parameter("initial_const", POSITIVE),
    ),
    one_of=(Parameter("kappa", NOT_NEGATIVE, "k"), Parameter("kappa_rel", POSITIVE, "r")),
    refuse=_refuse,
    loss=MARGIN,
    resumable=True,
)
