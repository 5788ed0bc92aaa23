"""A network and images as foolbox takes them, and the images that its attacks give."""

from typing import Any

import torch
from torch import Tensor, nn


def problem(model: nn.Module, x: Tensor, labels: Tensor) -> tuple[Any, Tensor, Any]:
    """What an attack of foolbox takes: the network, images (B, C, H, W) in [0, 1], and the goal to misclassify them."""
    from foolbox.criteria import Misclassification
    from foolbox.models.pytorch import PyTorchModel

    return PyTorchModel(model, bounds=(0, 1), device=x.device), x, Misclassification(labels)


def keep_clean(made: Tensor, x: Tensor, valid: Tensor) -> Tensor:
    """The image that an attack made where that is ``valid``, bool (B,), else the clean image."""
    return torch.where(valid.view(-1, 1, 1, 1), made, x).detach()
