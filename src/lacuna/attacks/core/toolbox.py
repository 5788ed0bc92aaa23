"""A network as the Adversarial Robustness Toolbox wants it."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def estimator(model: nn.Module, x: Tensor) -> Any:
    """The toolbox's classifier around a network that takes images (B, C, H, W) in [0, 1], on the device of ``x``.

    For the gradient of one logit per image it makes one backward pass; the toolbox makes one for every class.
    """
    from art.estimators.classification import PyTorchClassifier

    class OneBackward(PyTorchClassifier):  # type: ignore[misc]
        def class_gradient(self, x: np.ndarray, label: Any = None, **how: Any) -> np.ndarray:
            if not isinstance(label, np.ndarray):
                return super().class_gradient(x, label, **how)
            return _logit_gradient(model, torch.from_numpy(x).to(self.device), torch.from_numpy(label))[:, None]

    with torch.no_grad():
        classes = model(x[:1]).shape[1]
    device = "gpu" if x.is_cuda else "cpu"
    return OneBackward(
        model, nn.CrossEntropyLoss(), tuple(x.shape[1:]), classes, clip_values=(0.0, 1.0), device_type=device
    )


def _logit_gradient(model: nn.Module, x: Tensor, classes: Tensor) -> np.ndarray:
    """The gradient (B, C, H, W) of each image's logit of its class; ``classes`` are (B,)."""
    x.requires_grad_()
    chosen = model(x).gather(1, classes.to(x.device)[:, None])
    return torch.autograd.grad(chosen.sum(), x)[0].cpu().numpy()
