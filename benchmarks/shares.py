"""How much of an attack's time its network's own passes take. The rest is what the attack itself costs.

    python benchmarks/shares.py          # one thread, as the workflow runs

The attacks run as the rule attack runs them, on an untrained ResNet-18, and no image stops early. The clock is the
processor's, so that a busy machine changes the share little. A pass is timed where images enter the network and logits
leave it, forward and backward.
"""

import argparse
from collections.abc import Callable
from time import process_time
from typing import Any

import pandas as pd
import torch
from common import network, save
from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.folding import fold_batch_norm
from lacuna.attacks.core.run import Attempt, Supplies, adversarial_images

SIZES = {"1/4": 125, "1": 32}  # width of the network, images in a batch
EIGHT = {"epsilon": "8/255"}
BUDGETS: dict[str, dict[str, Any]] = {  # few steps: a step costs the same whether ten follow or a thousand
    "fgsm": EIGHT,
    "pgd": {**EIGHT, "step": "1/255", "steps": 10},
    "pgd_l2": {"epsilon_l2": 1, "steps": 10},
    "mifgsm": {**EIGHT, "step": "1/255", "steps": 10},
    "dual": {"epsilon_foreground": "4/255", "epsilon_background": "20/255", "weight": 0, "steps": 10},
    "dual_l2": {"epsilon_foreground": 0.5, "epsilon_background": 5, "weight": 0, "steps": 10},
    "advdrop": {"variant": "released_code", "bound": 100, "steps": 10, "success": "never"},
    "apgd_ce": {**EIGHT, "steps": 10},
    "apgd_t": {**EIGHT, "steps": 10, "targets": 1},
    "cw": {"kappa": 0, "steps": 20, "binary_search_steps": 1, "learning_rate": 0.01, "initial_const": 0.1},
    "jsma": {"gamma": 0.02},
    "square": {**EIGHT, "queries": 20},
    "boundary": {"steps": 40, "spherical_step": 0.01, "source_step": 0.01, "step_adaptation": 1.5},
}


class Metered(nn.Module):
    """A network that adds up the processor's seconds of its own passes, forward and backward."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.seconds = inner, 0.0

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, K) of images (B, C, H, W)."""
        start = process_time()
        logits = _Mark.apply(self.inner(_Mark.apply(x, self, 1)), self, -1)  # type: ignore[no-untyped-call]
        self.seconds += process_time() - start
        return logits  # type: ignore[no-any-return]


class _Mark(torch.autograd.Function):
    """Leaves a tensor as it is; on the way back it adds the clock to a network's seconds, or takes it away."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, meter: Metered, sign: int) -> Tensor:
        ctx.meter, ctx.sign = meter, sign
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        ctx.meter.seconds += ctx.sign * process_time()
        return slope, None, None


class Bright(nn.Module):
    """A network that says class 0 of images that are brighter above than below, and class 1 of others.

    No small change makes it wrong, so that no image stops. Noise does, which is where the boundary attack starts.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, K) of images (B, C, H, W)."""
        half = x.shape[2] // 2
        brighter = 30 * torch.tanh(100 * (x[:, :, :half] - x[:, :, half:]).mean((1, 2, 3)))
        logits = self.inner(x)
        return torch.cat([logits[:, :1] + brighter[:, None], logits[:, 1:]], 1)


def problem(width: str) -> tuple[Tensor, Tensor]:
    """Images uint8 (N, 3, 32, 32), brighter above by a third, and their labels 0."""
    noise = torch.rand(SIZES[width], 3, 32, 32, generator=torch.Generator().manual_seed(0)) / 4
    noise[:, :, :16] += 0.7
    return noise.mul(255).byte(), torch.zeros(SIZES[width], dtype=torch.int64)


def share(method: str, width: str, inner: nn.Module) -> float:
    """The network's part of the time of one attack, in percent."""
    images, labels = problem(width)
    count = len(images)
    foreground = torch.zeros(count, 32, 32, dtype=torch.bool)
    foreground[:, 8:24, 8:24] = True
    supplies = Supplies(Draws(0, tuple(range(count)), 0), foreground=foreground)
    meter = Metered(inner)
    victim = Bright(meter).eval()
    start = process_time()
    adversarial_images(
        victim, images, labels, Attempt(method, method, BUDGETS[method]), supplies, batch=count, say=_quiet
    )
    return 100 * meter.seconds / (process_time() - start)


def _quiet(line: str) -> None:
    """Says nothing."""


def measure(method: str, width: str, rounds: int) -> list[dict[str, object]]:
    """A line for each round and form of the network, after one round that warms up."""
    plain = network(width)
    forms: dict[str, Callable[[], nn.Module]] = {"reference": lambda: plain, "folded": lambda: fold_batch_norm(plain)}
    nets = {form: make() for form, make in forms.items()}
    lines: list[dict[str, object]] = []
    for turn in range(-1, rounds):
        for form, inner in nets.items():
            found = {"method": method, "width": width, "batch": SIZES[width], "form": form, "round": turn}
            lines.append({**found, "network_percent": share(method, width, inner)})
    return [line for line in lines if line["round"] != -1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--widths", nargs="*", default=list(SIZES))
    parser.add_argument("--methods", nargs="*", default=list(BUDGETS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lines = []
    for width in arguments.widths:
        for method in arguments.methods:
            lines += measure(method, width, arguments.rounds)
            print(pd.DataFrame(lines).iloc[-2 * arguments.rounds :].to_string(header=False), flush=True)
    frame = save("shares", lines, x="network_percent", y="method", col="width", hue="form")
    print(frame.pivot_table("network_percent", "method", ["width", "form"], "median").round(1).to_string())


if __name__ == "__main__":
    main()
