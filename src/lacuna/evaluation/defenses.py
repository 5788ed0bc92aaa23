"""Defenses of a target: a function of the image before the network, or randomised smoothing."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.evaluation.smoothing import Smoothed
from lacuna.models.networks import imported


def defended(settings: dict[str, Any], network: nn.Module, seed: int) -> nn.Module:
    """The network behind a defense as config/papers describes it: ``function``, or ``smoothing`` (`Smoothed`)."""
    return Smoothed(settings["smoothing"], network, seed) if "smoothing" in settings else Defended(settings, network)


class Defended(nn.Module):
    """A network behind a function that maps images (B, C, H, W) in [0, 1] to such images."""

    def __init__(self, settings: dict[str, Any], network: nn.Module) -> None:
        super().__init__()
        self.name = settings["function"]
        self.function = partial(imported(self.name), **settings.get("arguments", {}))
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the defended images; raises `LacunaError` where the function changes their shape."""
        defended = self.function(x)
        if defended.shape != x.shape:
            raise LacunaError(f"{self.name} gave {tuple(defended.shape)} for images {tuple(x.shape)}")
        return self.network(defended)
