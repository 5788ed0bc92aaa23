"""Trained networks from their checkpoints."""

from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.artefacts import read_tensors
from lacuna.models.build import build_model, load_weights
from lacuna.names import parse_model


def new_network(settings: dict[str, Any], mean: Tensor, std: Tensor) -> nn.Sequential:
    """The untrained network that a plan's network settings describe."""
    return build_model(
        parse_model(settings["model"]),
        tuple(settings["image"]),
        settings["classes"],
        width=Fraction(settings["width"]),
        mask_place=settings["mask_place"],
        seed=settings["seed"],
        mean=mean,
        std=std,
    )


def trained_network(settings: dict[str, Any], checkpoint: str, device: str) -> nn.Module:
    """The network in evaluation mode on ``device``, weights and masks from a verified checkpoint.

    Raises `LacunaError` where the checkpoint was altered or belongs to another network.
    """
    tensors = read_tensors(checkpoint)
    mean, std = tensors.get("0.mean", torch.zeros(1)), tensors.get("0.std", torch.ones(1))
    network = new_network(settings, mean, std)
    load_weights(network, tensors, checkpoint)
    return network.eval().to(device)
