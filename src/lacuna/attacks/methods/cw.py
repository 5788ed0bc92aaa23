"""CW-L2 of foolbox (Carlini and Wagner 2017; Defective CNN, appendix A.7)."""

from lacuna.attacks.core.parameters import STEPS
from lacuna.language.methods import COUNT, MARGIN, NOT_NEGATIVE, POSITIVE, Method, Parameter

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
    loss=MARGIN,
    resumable=True,
)
