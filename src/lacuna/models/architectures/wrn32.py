"""The post-activation ResNet-32 of CIFAR, four times as wide, which the paper calls WRN-32-4."""

from lacuna.language.architectures import PAPER, RELEASED_CODE, Architecture

ARCHITECTURE = Architecture(
    function="lacuna.models.resnet:wrn32",
    modules=(
        "models/blueprint",
        "models/layers",
    ),
    masks={
        RELEASED_CODE: frozenset({"stem", "conv1", "conv2"}),
        PAPER: frozenset({"stem", "conv1", "sum"}),
    },
    parameters=7_400_026,
    bottom=frozenset({0, 1}),
    dropout=True,
    code="wrn32_4",
)
