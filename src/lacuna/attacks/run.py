"""Runs a grid of budgets over a set of images and gives back 8-bit adversarial images."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.attacks.gradient import fgsm, pgd
from lacuna.attacks.own import own_attack
from lacuna.images import as_pixels, to_bytes
from lacuna.names import METHODS, parse_pixels
from lacuna.progress import Progress, Say

ATTACKS: dict[str, Callable[..., Tensor]] = {"fgsm": fgsm, "pgd": pgd}


def parameters(method: str, budget: dict[str, Any]) -> dict[str, Any]:
    """An attack's keyword arguments from its budget as written in the configuration."""
    keys = METHODS.get(method, ("epsilon",))
    pixels = {key: float(parse_pixels(budget[key], key)) for key in keys if key in budget and key != "steps"}
    steps = {"steps": int(budget["steps"])} if "steps" in budget else {}
    return pixels | steps | budget.get("arguments", {})


def adversarial_images(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    method: str,
    budget: dict[str, Any],
    *,
    name: str,
    batch: int,
    say: Say,
) -> Tensor:
    """Adversarial images uint8 (N, C, H, W) for images uint8 and labels int64 on the model's device.

    ``batch`` decides speed and memory; in float32 it can flip the sign of a gradient near zero, in float64 not.
    """
    attack, arguments = ATTACKS.get(method) or own_attack(method), parameters(method, budget)
    progress, results = Progress(name, "image", len(images), say), []
    for start in range(0, len(images), batch):
        part = slice(start, start + batch)
        results.append(to_bytes(attack(model, as_pixels(images[part]), labels[part], **arguments)))
        progress.step(min(start + batch, len(images)))
    return torch.cat(results)
