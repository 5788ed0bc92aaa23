"""ResNet-50 for small images (Defective CNN, appendix C)."""

from lacuna.language.architectures import PAPER, RELEASED_CODE, Architecture

ARCHITECTURE = Architecture(
    function="lacuna.models.resnet:resnet50",
    modules=(
        "models/blueprint",
        "models/layers",
    ),
    masks={
        RELEASED_CODE: frozenset({"stem", "conv2"}),
        PAPER: frozenset({"stem", "conv2"}),
    },
    parameters=23_520_842,
    published="ResNet50_Weights",
)
