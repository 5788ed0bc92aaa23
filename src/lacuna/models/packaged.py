"""Networks that come as packages, with their weights, which are checked before they are read."""

import csv
from pathlib import Path

import torch
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.files.artefacts import sha256
from lacuna.language.declared import resolve
from lacuna.language.models import PACKAGED, ModelSpec
from lacuna.models.blueprint import Blueprint
from lacuna.models.layers import Shape

REGISTRY = Path("data/registry.csv")


def packaged_network(spec: ModelSpec, image: Shape, classes: int) -> nn.Module:
    """The network of a package, from normalised images (B, C, S, S) to logits (B, ``classes``), without its weights."""
    return resolve(PACKAGED[spec.arch].function)(Blueprint.plain(spec, image, classes))


def packaged_weights(arch: str) -> dict[str, Tensor]:
    """The weights of a package, by name. Of the file nothing but tensors is taken: to read it runs no code.

    Raises `LacunaError` where the package is not installed, or its file is not the published one.
    """
    path = PACKAGED[arch].path()
    with REGISTRY.open(newline="", encoding="utf-8") as file:
        published = next(line["sha256"] for line in csv.DictReader(file) if line["dataset"] == arch)
    if sha256(path) != published:
        raise LacunaError(
            f"{path} is not the published file (its sha256 is not {published[:16]}...); "
            f"reinstall {PACKAGED[arch].distribution}"
        )
    return dict(torch.load(path, map_location="cpu", weights_only=True))
