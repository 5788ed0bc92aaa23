"""A network as the Adversarial Robustness Toolbox wants it."""

from typing import Any

import torch
from torch import Tensor, nn


def estimator(model: nn.Module, x: Tensor) -> Any:
    """The toolbox's classifier around a network that takes images (B, C, H, W) in [0, 1], on their device."""
    from art.estimators.classification import PyTorchClassifier

    with torch.no_grad():
        classes = model(x[:1]).shape[1]
    device = "gpu" if x.is_cuda else "cpu"
    return PyTorchClassifier(
        model, nn.CrossEntropyLoss(), tuple(x.shape[1:]), classes, clip_values=(0.0, 1.0), device_type=device
    )
