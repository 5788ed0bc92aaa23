"""ResNet-18 for small images (Defective CNN, appendix C)."""

from lacuna.language.architectures import PAPER, RELEASED_CODE, Architecture

ARCHITECTURE = Architecture(
    function="lacuna.models.resnet:resnet18",
    modules=(
        "models/blueprint",
        "models/layers",
    ),
    masks={
        RELEASED_CODE: frozenset({"stem", "conv1", "conv2", "projection"}),
        PAPER: frozenset({"stem", "conv1", "sum"}),
    },
    parameters=11_173_962,
    dropout=True,
    widths=True,
    published="ResNet18_Weights",
)
