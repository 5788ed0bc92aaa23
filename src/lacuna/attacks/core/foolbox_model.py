"""A network and its images as foolbox wants them, and what its attacks give back."""

from typing import Any

import torch
from torch import Tensor, nn


def problem(model: nn.Module, x: Tensor, labels: Tensor) -> tuple[Any, Tensor, Any]:
    """What foolbox's attacks take: the network, images (B, C, H, W) in [0, 1], and that they shall be misclassified."""
    from foolbox.criteria import Misclassification
    from foolbox.models.pytorch import PyTorchModel

    return PyTorchModel(model, bounds=(0, 1), device=x.device), x, Misclassification(labels)


def keep_clean(made: Tensor, x: Tensor, valid: Tensor) -> Tensor:
    """What an attack made where it is ``valid``, bool (B,), and the clean image elsewhere."""
    return torch.where(valid.view(-1, 1, 1, 1), made, x).detach()
