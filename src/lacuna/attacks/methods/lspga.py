"""LS-PGA, against thermometer encoding (Buckman et al. 2018, section 4)."""

from lacuna.attacks.core.parameters import EPSILON, STEPS
from lacuna.language.methods import POSITIVE, Method, Parameter, Takes

_TAKEN = (EPSILON, STEPS, Parameter("logit_step", POSITIVE))

METHOD = Method(
    function="lacuna.attacks.lspga:lspga",
    modules=(
        "attacks/core/draws",
        "attacks/core/parameters",
        "attacks/core/victim",
        "models/__init__",
        "models/build",
        "models/densenet",
        "models/layers",
        "models/pretrained",
        "models/regularisers",
        "models/resnet",
        "models/senet",
        "models/thermometer",
        "models/vgg",
        "numerics/seeding",
    ),
    required=_TAKEN,
    draws=True,
    training=Takes(function="lacuna.attacks.lspga:ascend_levels", required=_TAKEN),
)
