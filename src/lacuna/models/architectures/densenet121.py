"""DenseNet-121 for small images (Defective CNN, appendix C)."""

from lacuna.language.architectures import PAPER, RELEASED_CODE, Architecture

ARCHITECTURE = Architecture(
    function="lacuna.models.densenet:densenet121",
    modules=(
        "models/blueprint",
        "models/layers",
        "models/resnet",
    ),
    masks={
        RELEASED_CODE: frozenset({"input", "transition"}),
        PAPER: frozenset({"stem", "conv"}),
    },
    parameters=6_956_298,
)
