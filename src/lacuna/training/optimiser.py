"""SGD and Adam: torch's own functions for a step, without the classes of torch.optim around them.

Those classes import torch's compiler. No training compiles anything, and the import takes as long as that of torch.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

BETAS, EPSILON = (0.9, 0.999), 1e-8  # torch's defaults


class Optimiser:
    """SGD, or Adam with torch's defaults where the recipe says so; the bytes are those of torch.optim's classes.

    ``rate`` is the learning rate of the next step, ``state`` what is kept between steps, by parameter and name.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], recipe: Mapping[str, Any]) -> None:
        self.rate = float(recipe["learning_rate"])
        self.state: dict[Tensor, dict[str, Tensor]] = {parameter: {} for parameter in parameters}
        self._recipe = recipe
        self._move = self._adam if recipe.get("optimiser") == "adam" else self._sgd

    @torch.no_grad()
    def step(self) -> None:
        """Changes in place the parameters that have a gradient."""
        moved = [parameter for parameter in self.state if parameter.grad is not None]
        self._move(moved, [parameter.grad for parameter in moved if parameter.grad is not None])

    def _sgd(self, moved: list[Tensor], gradients: list[Tensor]) -> None:
        momentum = self._recipe["momentum"]
        buffers = [self.state[parameter].get("momentum_buffer") for parameter in moved] if momentum else []
        how = {"momentum": momentum, "dampening": 0, "nesterov": self._recipe["nesterov"]}
        sgd(moved, gradients, buffers, lr=self.rate, weight_decay=self._recipe["weight_decay"], maximize=False, **how)
        for parameter, buffer in zip(moved, buffers, strict=False):  # no buffers without momentum
            if buffer is not None:
                self.state[parameter]["momentum_buffer"] = buffer

    def _adam(self, moved: list[Tensor], gradients: list[Tensor]) -> None:
        for parameter in moved:
            if not self.state[parameter]:
                self.state[parameter] = _begin(parameter)
        first, second, steps = ([self.state[one][key] for one in moved] for key in ("exp_avg", "exp_avg_sq", "step"))
        how = {"lr": self.rate, "weight_decay": self._recipe["weight_decay"], "eps": EPSILON}
        how |= {"beta1": BETAS[0], "beta2": BETAS[1]}
        adam(moved, gradients, first, second, [], steps, amsgrad=False, maximize=False, **how)


def _begin(parameter: Tensor) -> dict[str, Tensor]:
    """Adam's state before the first step, under torch's names; the count of steps stays on the CPU."""
    return {
        "step": torch.tensor(0.0),
        "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
        "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
    }
