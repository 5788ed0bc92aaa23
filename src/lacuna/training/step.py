"""One step of a training: images are varied, the network answers, the optimiser moves the weights."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.numerics.device import device_of
from lacuna.numerics.images import as_pixels
from lacuna.training.augmentation import vary
from lacuna.training.objective import Objective
from lacuna.training.optimiser import Optimiser

GIVEN = ("images", "labels", "masks")  # of a batch; its other tensors say how images are varied


class Step:
    """The reference: PyTorch's plain loop, which launches each operation as Python comes to it.

    ``totals`` float32 (2,) are the sums, over the images since they were last set to zero, of losses and of right
    answers.
    """

    def __init__(self, model: nn.Module, objective: Objective, recipe: dict[str, Any]) -> None:
        self.model, self.objective, self.recipe = model, objective, recipe
        self.device = device_of(model)
        self.optimiser = self._optimiser()
        self.totals = torch.zeros(2, device=self.device)  # read once an epoch, so that steps do not wait for the device

    def _optimiser(self) -> Any:
        """SGD, or Adam with torch's defaults where the recipe says so."""
        return Optimiser(self.model.parameters(), self.recipe)

    def set_rate(self, rate: float) -> None:
        """Sets the learning rate of the steps from here on."""
        self.optimiser.rate = rate

    def place(self, tensor: Tensor) -> Tensor:
        """A tensor on the model's device."""
        return tensor.to(self.device)

    def settle(self, kept: Tensor, parameter: Tensor) -> Tensor:
        """The optimiser's ``kept`` tensor for a parameter, where the optimiser keeps it.

        That is in the parameter's memory layout and on its device; a count of steps, which has no shape, stays as it
        is.
        """
        return torch.empty_like(parameter).copy_(kept) if kept.shape == parameter.shape else kept

    def __call__(self, batch: Mapping[str, Tensor], progress: float) -> Tensor:
        """Steps on a batch of tensors on the model's device, at a share of the training; returns the totals.

        The batch has ``images`` uint8 (B, C, H, W), ``labels`` int64 (B,), ``masks`` bool (B, H, W) where the objective
        needs them, and what was drawn for the images (`lacuna.training.augmentation.draw`).
        """
        images, masks, labels = batch["images"], batch.get("masks"), batch["labels"]
        if drawn := {name: tensor for name, tensor in batch.items() if name not in GIVEN}:
            images, masks = vary(images, masks, drawn, self.recipe["augmentation"].get("pad", 0))
        loss, logits = self.objective(self.model, as_pixels(images), labels, masks, progress)
        self.model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.totals += torch.stack([loss.detach() * len(labels), logits.detach().argmax(1).eq(labels).sum()])
        return self.totals
