"""Defenses of a target: a function that changes the image before the network sees it, or randomised smoothing."""

from copy import deepcopy
from typing import Any

from torch import Tensor, nn

from lacuna.evaluation.smoothing import SmoothedNetwork
from lacuna.foreign.answers import require_pixels
from lacuna.foreign.calls import calling
from lacuna.foreign.parts import Foreign
from lacuna.language.declared import resolve
from lacuna.numerics.device import device_of

SLACK = 1e-4  # beyond [0, 1]: what rounding may do, for example of a blur


def defend(settings: dict[str, Any], network: nn.Module, seed: int) -> nn.Module:
    """The network behind a defense, whose ``settings`` are those of config/papers, in evaluation mode.

    They have ``function`` (`DefendedNetwork`) or ``smoothing`` (`SmoothedNetwork`, whose noise follows ``seed``).
    """
    defended = (
        SmoothedNetwork(settings["smoothing"], network, seed)
        if "smoothing" in settings
        else DefendedNetwork(settings, network)
    )
    return defended.eval()


class DefendedNetwork(Foreign):
    """A network behind a function that maps images (B, C, H, W) in [0, 1] to images of the same shape and range.

    The function may be a torch module, of which a copy in evaluation mode is used.
    """

    kind = "defense"

    def __init__(self, settings: dict[str, Any], network: nn.Module) -> None:
        super().__init__(settings["function"])
        self.brought = not self.name.startswith("lacuna.")
        self.network = network
        found = resolve(self.name)
        self.function = deepcopy(found).to(device_of(network)).eval() if isinstance(found, nn.Module) else found
        self.arguments = settings.get("arguments", {})

    def answer(self, x: Tensor) -> Tensor:
        """The images after the function. Raises `LacunaError` where they are no such images."""
        with calling(self.name):
            cleaned = self.function(x.clone(), **deepcopy(self.arguments))
        return require_pixels(self.name, cleaned, x, SLACK)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the images after the function."""
        return self.network(self.answer(x))
