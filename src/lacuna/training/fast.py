"""Training steps that do not wait (``fast: true``): fewer and larger launches of the reference's own operations."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.numerics.recording import Record, Work, recorder
from lacuna.training.objective import Objective
from lacuna.training.step import Step


class FastStep(Step):
    """`Step` with torch's fused optimiser; a GPU does each step on a whole batch as one CUDA graph.

    The last batch of an epoch, where it is smaller, and steps that are not alike (`Objective.steady`) are launched one
    operation at a time. Batches on the CPU reach the GPU through pinned memory. Augmentation, loss and gradients are
    those of the reference to the bit; the fused optimiser rounds otherwise, and keeps the learning rate in float32.
    """

    def __init__(self, model: nn.Module, objective: Objective, recipe: dict[str, Any]) -> None:
        super().__init__(model, objective, recipe)
        self.record: Record | None = recorder(self.device)
        self.recorded: dict[tuple[str, ...], Work] = {}

    def _optimiser(self) -> torch.optim.Optimizer:
        """Torch's own classes: they keep on the GPU what a recorded step reads. The import takes a second or two."""
        recipe, weights = self.recipe, self.model.parameters()
        rate = torch.tensor(recipe["learning_rate"], dtype=torch.float32, device=self.device)
        if recipe.get("optimiser") == "adam":
            on_gpu = self.device.type == "cuda"
            return torch.optim.Adam(weights, rate, weight_decay=recipe["weight_decay"], fused=True, capturable=on_gpu)
        how = {key: recipe[key] for key in ("momentum", "weight_decay", "nesterov")}
        return torch.optim.SGD(weights, rate, **how, fused=True)

    def set_rate(self, rate: float) -> None:
        """Writes the learning rate where recorded steps read it."""
        self.optimiser.param_groups[0]["lr"].fill_(rate)

    def place(self, tensor: Tensor) -> Tensor:
        """A tensor on the model's device, on its way there while Python goes on."""
        apart = self.device.type == "cuda" and not tensor.is_cuda
        return (tensor.pin_memory() if apart else tensor).to(self.device, non_blocking=True)

    def settle(self, kept: Tensor, parameter: Tensor) -> Tensor:
        """As the reference; a count of steps goes to the device too, where fused optimisers keep it."""
        return super().settle(kept, parameter).to(self.device)

    def __call__(self, batch: Mapping[str, Tensor], progress: float) -> Tensor:
        """As the reference. What a batch consists of, at its usual size, is recorded when it comes first."""
        usual = len(batch["labels"]) == self.recipe["batch_size"]
        if not (self.record and usual and self.objective.steady(progress)):
            return super().__call__(batch, progress)
        names = tuple(batch)
        if names not in self.recorded:
            with undone(self):
                self.recorded[names] = self.record(partial(super().__call__, progress=progress), batch)
        return self.recorded[names](batch)


@contextmanager
def undone(step: Step) -> Iterator[None]:
    """Puts back what steps inside it change: weights, statistics, the optimiser, totals, random generators.

    What an optimiser began to keep inside it becomes zero, as before a first step.
    """
    kept = [(tensor, tensor.clone()) for tensor in (*step.model.state_dict().values(), *_states(step), step.totals)]
    known = {id(tensor) for tensor, _ in kept}
    with torch.random.fork_rng([step.device] if step.device.type == "cuda" else []):
        yield
    for tensor, before in kept:
        tensor.copy_(before)
    for tensor in _states(step):
        if id(tensor) not in known:
            tensor.zero_()


def _states(step: Step) -> list[Tensor]:
    """The tensors that the optimiser keeps, without gradients."""
    states = step.optimiser.state.values()
    return [value for state in states for value in state.values() if isinstance(value, Tensor)]
