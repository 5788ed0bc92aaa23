"""SENet-18 for small images (Defective CNN, appendix C)."""

from lacuna.language.architectures import PAPER, RELEASED_CODE, Architecture

ARCHITECTURE = Architecture(
    function="lacuna.models.senet:senet18",
    modules=(
        "models/blueprint",
        "models/layers",
        "models/resnet",
    ),
    masks={
        RELEASED_CODE: frozenset({"bn1", "bn2"}),
        PAPER: frozenset({"stem", "bn1", "bn2"}),
    },
    parameters=11_260_354,
)
