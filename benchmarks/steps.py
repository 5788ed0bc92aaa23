"""Milliseconds of a training step, an adversarial training step and an evaluated batch, in float32 and fast modes.

On the CPU: one thread, as the workflow runs it. With a GPU also bfloat16 (``precision: bfloat16``), and compilation
alone and with it, which the workflow does not use, to show what it would bring.
"""

import argparse
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from common import interleaved, network, save
from torch import Tensor, nn

from lacuna.numerics.images import as_pixels
from lacuna.training.adversarial import perturbation

BATCH = 128
PGD_7 = {"method": "pgd", "epsilon": "8/255", "step": "2/255", "steps": 7, "random_start": True}
Step = Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor], object]


def training(model: nn.Module, optimiser: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    """One step of SGD on cross-entropy."""
    descend(model.train(), optimiser, as_pixels(images), labels)


def adversarial_training(model: nn.Module, optimiser: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    """One step on examples that PGD with seven steps makes first (Madry et al.)."""
    x = perturbation(PGD_7)(model.train(), as_pixels(images), labels)
    descend(model, optimiser, x, labels)


def descend(model: nn.Module, optimiser: torch.optim.Optimizer, x: Tensor, labels: Tensor) -> None:
    """Loss, gradient, update."""
    loss = F.cross_entropy(model(x), labels)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


@torch.no_grad()
def evaluation(model: nn.Module, _: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> Tensor:
    """Predictions of one batch."""
    return model.eval()(as_pixels(images)).argmax(1)


STEPS: dict[str, Step] = {"training": training, "PGD-7 training": adversarial_training, "evaluation": evaluation}


def in_mode(mode: str, step: Step, model: nn.Module, *rest: object) -> object:
    """A step in float32 or under bfloat16 autocasting."""
    with torch.autocast("cuda", torch.bfloat16, enabled="bf16" in mode):
        return step(model, *rest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    every = ["float32", "bf16", "compiled", "bf16 compiled"] if device == "cuda" else ["float32"]
    parser.add_argument("--modes", nargs="+", choices=every, default=every)
    arguments = parser.parse_args()
    modes = arguments.modes
    torch.set_num_threads(1)
    images = torch.randint(0, 256, (BATCH, 3, 32, 32), dtype=torch.uint8, device=device)
    labels = torch.randint(0, 10, (BATCH,), device=device)
    lines: list[dict[str, object]] = []
    for width in ("1/4", "1"):
        model = network(width).to(device)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        models = {mode: torch.compile(model) if "compiled" in mode else model for mode in modes}
        for name, step in STEPS.items():
            works = {mode: partial(in_mode, mode, step, models[mode], optimiser, images, labels) for mode in modes}
            for turn, seconds in interleaved(works, arguments.rounds):
                where = {"step": name, "width": width, "batch": BATCH, "device": device, "round": turn}
                lines += [{**where, "mode": mode, "milliseconds": 1000 * spent} for mode, spent in seconds.items()]
    frame = save("steps", lines, x="step", y="milliseconds", hue="mode", col="width")
    print(frame.groupby(["width", "step", "mode"], sort=False)["milliseconds"].median().round(1).to_string())


if __name__ == "__main__":
    main()
