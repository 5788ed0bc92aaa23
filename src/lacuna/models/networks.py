"""Networks: this project's from their names, the user's own from a factory, trained ones from checkpoints."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.files.artefacts import parse_tensors, read_tensors, require_finite
from lacuna.language.architectures import WHOLE
from lacuna.language.declared import resolve
from lacuna.language.models import parse_model
from lacuna.models.build import build_model, load_weights
from lacuna.models.layers import Normalise


def new_network(settings: dict[str, Any], mean: Tensor, std: Tensor) -> nn.Sequential:
    """The untrained network that the network settings of a plan describe."""
    if "factory" in settings:
        try:
            network = resolve(settings["factory"])(**settings["arguments"])
        except TypeError as error:
            raise LacunaError(f"{settings['factory']} does not take {settings['arguments']}: {error}") from None
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
    return network


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
    with torch.no_grad():
        try:
            logits = network.eval()(torch.zeros(2, *settings["image"]))
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise LacunaError(f"{settings['factory']} does not take images {settings['image']}: {reason}") from None
    if tuple(logits.shape) != (2, settings["classes"]):
        wanted = f"(2, {settings['classes']})"
        raise LacunaError(f"{settings['factory']} gives {tuple(logits.shape)} for two images, not logits {wanted}")
    return network


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
