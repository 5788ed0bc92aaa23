"""Figures look at networks and saliency models of the user's own as jobs do: one that changes is refused."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from drawing import Ask
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.foreground.deepgaze import DeepGaze
from lacuna.foreign.parts import OwnNetwork
from lacuna.models.networks import trained_network
from lacuna.reporting.drawing import figure


class Restless(nn.Module):
    """A network that after each answer does ``harm`` to itself."""

    def __init__(self, network: nn.Module, harm: Callable[["Restless"], object]) -> None:
        super().__init__()
        self.network, self.harm = network, harm
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.network(x)
        self.harm(self)
        return answer


HARMS: dict[str, Callable[[Restless], Any]] = {
    "the tensor 'body.1.calls'": lambda net: net.get_buffer("calls").add_(1),
    "the hooks of 'body.1'": lambda net: net.register_forward_hook(lambda *_: None),
    "the tensor 'body.1.network.0.mean'": lambda net: net.network[0].get_buffer("mean").add_(0.01),
}


@pytest.mark.parametrize("plot", ["attention", "denoise", "gradients"])
@pytest.mark.parametrize("what", HARMS)
def test_a_network_that_changes_while_a_figure_looks_is_refused(
    plot: str, what: str, asked: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, files = asked(plot)

    def brought(one: dict[str, Any], checkpoints: list[str], device: str) -> nn.Module:
        restless = Restless(trained_network(one, checkpoints, device), HARMS[what])
        return OwnNetwork("own-mine", nn.Identity(), restless, one["classes"]).eval()

    monkeypatch.setattr("lacuna.reporting.drawing.core.networks.trained_network", brought)
    with pytest.raises(LacunaError, match=re.escape(f"own-mine changed {what} of itself")):
        figure(settings, files)


@pytest.mark.parametrize("plot", ["attention", "denoise", "gradients"])
def test_a_quiet_network_of_ones_own_gives_the_same_figure(
    plot: str, asked: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, files = asked(plot)
    labels = [axis.get_xlabel() for axis in figure(settings, files).axes]

    def brought(one: dict[str, Any], checkpoints: list[str], device: str) -> nn.Module:
        return OwnNetwork("own-mine", nn.Identity(), trained_network(one, checkpoints, device), one["classes"]).eval()

    monkeypatch.setattr("lacuna.reporting.drawing.core.networks.trained_network", brought)
    assert [axis.get_xlabel() for axis in figure(settings, files).axes] == labels


def test_a_saliency_model_that_changes_while_a_figure_looks_is_refused(
    asked: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x: Tensor, bias: Tensor) -> Tensor:
            self.get_buffer("calls").add_(1)
            return bias[:, None]

    even = torch.full((1, 16, 16), -2 * torch.log(torch.tensor(16.0)).item())
    monkeypatch.setattr(
        "lacuna.reporting.drawing.unsuspicious.saliency_model", lambda how: DeepGaze(Counting(), even).eval()
    )
    with pytest.raises(LacunaError, match=r"DeepGaze IIE changed the tensor 'network.calls' of itself"):
        figure(*asked("unsuspicious"))
