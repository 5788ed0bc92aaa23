"""Defenses of a target: a function that changes the image before the network sees it, or randomised smoothing."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.evaluation.smoothing import SmoothedNetwork
from lacuna.language.declared import resolve


def defend(settings: dict[str, Any], network: nn.Module, seed: int) -> nn.Module:
    """The network behind a defense, whose ``settings`` are those of config/papers.

    They have ``function`` (`DefendedNetwork`) or ``smoothing`` (`SmoothedNetwork`, whose noise follows ``seed``).
    """
    return (
        SmoothedNetwork(settings["smoothing"], network, seed)
        if "smoothing" in settings
        else DefendedNetwork(settings, network)
    )


class DefendedNetwork(nn.Module):
    """A network behind a function that maps images (B, C, H, W) in [0, 1] to images of the same shape and range."""

    def __init__(self, settings: dict[str, Any], network: nn.Module) -> None:
        super().__init__()
        self.name = settings["function"]
        self.function = partial(resolve(self.name), **settings.get("arguments", {}))
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the images after the function. Raises `LacunaError` where the function changes their shape."""
        cleaned = self.function(x)
        if cleaned.shape != x.shape:
            raise LacunaError(f"{self.name} gave {tuple(cleaned.shape)} for images {tuple(x.shape)}")
        return self.network(cleaned)
