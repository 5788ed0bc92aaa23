"""Steps of the optimiser: the bytes of torch's classes, without what those classes import."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from lacuna.training.optimiser import Optimiser

STEPS = 6
RECIPES: dict[str, dict[str, Any]] = {
    "plain": {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0},
    "decay": {"momentum": 0.9, "nesterov": False, "weight_decay": 5e-4},
    "nesterov": {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
    "adam": {"optimiser": "adam", "weight_decay": 0.0},
    "adam with decay": {"optimiser": "adam", "weight_decay": 1e-2},
}
A_STEP = """
import sys, torch
from lacuna.training.optimiser import Optimiser
weight = torch.nn.Parameter(torch.ones(3))
for recipe in ({"momentum": 0.9, "nesterov": True}, {"optimiser": "adam"}):
    optimiser = Optimiser([weight], recipe | {"learning_rate": 0.1, "weight_decay": 0.1})
    weight.square().sum().backward()
    optimiser.step()
print(sorted({"torch._dynamo", "torch._inductor", "sympy"} & {*sys.modules}), weight.tolist() != [1, 1, 1])
"""


def parameters() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    filters = torch.randn(4, 3, 3, 3, generator=generator).contiguous(memory_format=torch.channels_last)
    return [
        nn.Parameter(one)
        for one in (torch.randn(5, 4, generator=generator), filters, torch.randn(7, generator=generator))
    ]


def theirs(recipe: dict[str, Any], of: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The class of torch.optim that the recipe means."""
    if recipe.get("optimiser") == "adam":
        return torch.optim.Adam(of, lr=0.1, weight_decay=recipe["weight_decay"])
    return torch.optim.SGD(of, lr=0.1, **recipe)


@pytest.mark.parametrize("name", RECIPES)
def test_steps_have_the_bytes_of_torchs_classes_whatever_the_rates_and_the_gradients(name: str) -> None:
    torch.manual_seed(1)
    mine, other = parameters(), parameters()
    reference, optimiser = theirs(RECIPES[name], other), Optimiser(mine, RECIPES[name] | {"learning_rate": 0.1})
    for step in range(STEPS):
        optimiser.rate = reference.param_groups[0]["lr"] = 0.1 / (step + 1)
        for number, (one, two) in enumerate(zip(mine, other, strict=True)):
            gradient = torch.randn_like(one) if (step + number) % 3 else None  # which some steps do not reach
            one.grad, two.grad = gradient, None if gradient is None else gradient.clone()
        optimiser.step()
        reference.step()
        assert all(torch.equal(one, two) for one, two in zip(mine, other, strict=True))
    kept = [{key: value for key, value in reference.state[two].items() if value is not None} for two in other]
    assert [[*optimiser.state[one]] for one in mine] == [[*state] for state in kept]
    pairs = [(optimiser.state[one][key], state[key]) for one, state in zip(mine, kept, strict=True) for key in state]
    assert all(torch.equal(a, b) and a.stride() == b.stride() for a, b in pairs)


def test_a_step_does_not_import_torchs_compiler() -> None:
    """Which takes as long as importing torch, in each training."""
    done = subprocess.run([sys.executable, "-c", A_STEP], capture_output=True, text=True, check=True)
    assert done.stdout == "[] True\n"
