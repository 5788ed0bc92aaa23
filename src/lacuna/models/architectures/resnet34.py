"""ResNet-34 for small images."""

from lacuna.language.architectures import PAPER, RELEASED_CODE, Architecture

ARCHITECTURE = Architecture(
    function="lacuna.models.resnet:resnet34",
    modules=(
        "models/blueprint",
        "models/layers",
    ),
    masks={
        RELEASED_CODE: frozenset({"stem", "conv1", "conv2", "projection"}),
        PAPER: frozenset({"stem", "conv1", "sum"}),
    },
    parameters=21_282_122,
    published="ResNet34_Weights",
)
