"""VGG-19 for small images (Defective CNN, appendix C)."""

from lacuna.language.architectures import PAPER, RELEASED_CODE, Architecture

ARCHITECTURE = Architecture(
    function="lacuna.models.vgg:vgg19",
    modules=(
        "models/blueprint",
        "models/layers",
    ),
    masks={
        RELEASED_CODE: frozenset({"conv"}),
        PAPER: frozenset({"conv"}),
    },
    parameters=20_040_522,
    stem=False,
)
