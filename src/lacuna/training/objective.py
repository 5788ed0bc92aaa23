"""What one training step minimises."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.language.models import FLOAT32
from lacuna.training.adversarial import perturbation


class Objective:
    """Cross-entropy on the images, or what a training's definition makes of it; ``{}`` is standard training.

    ``label_smoothing`` is the share of mass on wrong classes, ``attack`` an inner maximisation (`perturbation`) whose
    images replace the clean ones, ``gaussian`` the standard deviation of noise added to the images last, not clipped
    (Cohen et al. 2019). ``precision`` is float32, or bfloat16 for torch's autocasting of every pass, those of the
    attack included; weights and loss stay float32.
    """

    def __init__(self, training: Mapping[str, Any], precision: str = FLOAT32) -> None:
        self.halved = precision != FLOAT32
        self.smoothing = float(training.get("label_smoothing", 0))
        self.sigma = float(training.get("gaussian", 0))
        self.attack = training.get("attack", {})
        self.perturb = perturbation(self.attack) if self.attack else None

    def steady(self, progress: float) -> bool:
        """Whether all steps from ``progress`` on do the same, and none of them waits for the device.

        An attack's budgets grow during its ``warmup``. Between restarts an attack looks which images are left.
        """
        return progress >= self.attack.get("warmup", 0) and self.attack.get("restarts", 1) == 1

    def __call__(
        self, model: nn.Module, x: Tensor, labels: Tensor, masks: Tensor | None = None, progress: float = 1
    ) -> tuple[Tensor, Tensor]:
        """Mean loss, and logits (B, K), of images (B, C, H, W) in [0, 1] on the model as it is being trained.

        ``masks`` bool (B, H, W) are the images' foregrounds, for attacks that need them; ``progress`` is the share of
        the training that lies behind, for attacks whose budgets grow.
        """
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.halved):
            if self.perturb:
                x = self.perturb(model, x, labels, masks, progress)
            if self.sigma:
                x = x + self.sigma * torch.randn_like(x)
            logits = model(x)
            return smoothed_cross_entropy(logits, labels, self.smoothing), logits


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, share: float) -> Tensor:
    """Mean cross-entropy with 1 - ``share`` on the true class and share / (K - 1) on each other one (released code).

    Torch spreads its smoothing over all K classes, the true one included, so it is given share * K / (K - 1).
    """
    classes = logits.shape[1]
    return F.cross_entropy(logits, labels, label_smoothing=share * classes / (classes - 1))
