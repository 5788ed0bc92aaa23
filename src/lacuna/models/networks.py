"""Networks: this project's from their names, the user's own from a factory, trained ones from checkpoints."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.files.artefacts import parse_tensors, read_tensors, require_finite
from lacuna.foreign.calls import calling
from lacuna.foreign.parts import OwnNetwork, watched
from lacuna.language.architectures import WHOLE
from lacuna.language.declared import resolve
from lacuna.language.models import parse_model
from lacuna.models.build import build_model, load_weights
from lacuna.models.layers import Normalise
from lacuna.models.ties import copy_network


def new_network(settings: dict[str, Any], mean: Tensor, std: Tensor) -> nn.Sequential:
    """The untrained network that the network settings of a plan describe."""
    if "factory" in settings:
        network = _from_factory(settings["factory"], settings["arguments"])
        return nn.Sequential(Normalise(mean, std), network).to(memory_format=torch.channels_last)
    return build_model(
        parse_model(settings["model"]),
        tuple(settings["image"]),
        settings["classes"],
        width=Fraction(settings["width"]),
        mask_place=settings["mask_place"],
        seed=settings["seed"],
        mean=mean,
        std=std,
        training=settings.get("training"),
        stem=settings.get("stem", WHOLE),
    )


def _from_factory(factory: str, arguments: dict[str, Any]) -> nn.Module:
    """A copy of the network that a factory of the user's makes of a copy of the arguments.

    So a factory that gives one network each time gives several all the same.
    """
    with calling(factory):
        try:
            network = resolve(factory)(**deepcopy(arguments))
        except TypeError as error:
            raise LacunaError(f"{factory} does not take {arguments}: {error}") from None
        if not isinstance(network, nn.Module):
            raise LacunaError(f"{factory} gave an object of type {type(network).__name__}; allowed: a torch module")
        return copy_network(network)


class Ensemble(nn.Module):
    """Networks that answer together: its logits are the mean of the members' logits (released code)."""

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([member(x) for member in self.members]).mean(0)


def trained_network(settings: dict[str, Any], checkpoints: Sequence[str], device: str) -> nn.Module:
    """The network, or ensemble, in evaluation mode on ``device``, with weights and masks from checkpoints.

    Raises `LacunaError` for a checkpoint that was altered or belongs to another network.
    """
    members = settings.get("members", [settings])
    networks = [_trained(*member) for member in zip(members, checkpoints, strict=True)]
    return (Ensemble(networks) if "members" in settings else networks[0]).eval().to(device)


def _trained(settings: dict[str, Any], checkpoint: str) -> nn.Module:
    tensors = read_tensors(checkpoint)
    mean, std = tensors.get("0.mean", torch.zeros(1)), tensors.get("0.std", torch.ones(1))
    network = new_network(settings, mean, std)
    load_weights(network, tensors, checkpoint)
    return own_network(settings["model"], network, settings["classes"]) if "factory" in settings else network


def own_network(name: str, network: nn.Sequential, classes: int) -> OwnNetwork:
    """A normalisation and a network of the user's own as one network whose logits are checked."""
    return OwnNetwork(name, network[0], network[1], classes)


def adopted_network(settings: dict[str, Any], weights: Path) -> nn.Sequential:
    """A network of the user's own with its weights (.safetensors, or .pt with tensors only), after a forward pass.

    ``settings`` has factory, arguments, mean and std (per channel, for images in [0, 1]), image and classes. Raises
    `LacunaError` where weights, input or output do not fit.
    """
    channels = settings["image"][0]
    for key in ("mean", "std"):
        if len(settings[key]) not in (1, channels):
            raise LacunaError(f"{key} of {settings['model']} is {settings[key]}; allowed: one number, or {channels}")
    mean, std = (
        torch.tensor(settings[key], dtype=torch.float32).expand(channels).view(-1, 1, 1) for key in ("mean", "std")
    )
    network = new_network(settings, mean, std)
    load_weights(network[1], _read_weights(weights), str(weights))
    _refuse_misfit(own_network(settings["factory"], network, settings["classes"]).eval(), settings["image"])
    return network


def _refuse_misfit(network: OwnNetwork, image: Sequence[int]) -> None:
    """Raises `LacunaError` unless a network answers two images as it must, in evaluation mode, and stays as it is."""
    if modes := [name for name, module in network.named_modules() if module.training]:
        raise LacunaError(f"{network.name}: '{modes[0]}' trains after eval(); allowed: a network that can be evaluated")
    with torch.no_grad(), watched(network):
        network(torch.linspace(0, 1, 2 * prod(image)).view(2, *image))


def _read_weights(path: Path) -> dict[str, Tensor]:
    """Named tensors. A pickle with anything else in it is refused, since to read that could run code."""
    if not path.is_file():
        raise LacunaError(f"{path} does not exist; it is the checkpoint of a network of your own")
    mend = "allowed: .safetensors, or .pt with a state dict"
    tensors = parse_tensors(path, mend) if path.suffix == ".safetensors" else _unpickled(path, mend)
    return require_finite(path, tensors, mend)


def _unpickled(path: Path, mend: str) -> dict[str, Tensor]:
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
        if all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in loaded.items()):
            return dict(loaded)
    except Exception:  # of a stranger's bytes torch may raise anything
        pass
    raise LacunaError(f"{path} is not a checkpoint of tensors; {mend}")
