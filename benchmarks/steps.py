"""Milliseconds of a training step, an adversarial training step, an attack and an evaluated batch, in several modes.

On the CPU: one thread, as the workflow runs it, in float32 and with ``fast: true``. With a GPU also bfloat16
(``precision: bfloat16``), and compilation alone and with it, which the workflow does not use, to show what it would
bring.
"""

import argparse
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from common import Work, interleaved, network, save
from torch import Tensor, nn

from lacuna.attacks.core.quick import quick
from lacuna.attacks.pgd import pgd
from lacuna.numerics.images import as_pixels
from lacuna.training.adversarial import perturbation
from lacuna.training.fast import FastStep
from lacuna.training.objective import Objective

BATCH = 128
RECIPE = {"batch_size": BATCH, "learning_rate": 0.01, "momentum": 0.9, "nesterov": False, "weight_decay": 0}
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


def attack(model: nn.Module, _: object, images: Tensor, labels: Tensor) -> Tensor:
    """The steps of PGD-7 alone, on the network in evaluation mode."""
    return pgd(model.eval(), as_pixels(images), labels, epsilon=8 / 255, step=2 / 255, steps=7)


ATTACK, TRAININGS = "PGD-7 attack", {"training": {}, "PGD-7 training": {"attack": PGD_7}}
STEPS: dict[str, Step] = {
    "training": training,
    "PGD-7 training": adversarial_training,
    ATTACK: attack,
    "evaluation": evaluation,
}


def fast_works(width: str, images: Tensor, labels: Tensor) -> dict[str, Work]:
    """What ``fast: true`` changes, each on a network of its own; an evaluation is always the reference's."""
    device, batch = images.device, {"images": images, "labels": labels}
    steps = {
        name: FastStep(network(width).to(device).train(), Objective(training), RECIPE)
        for name, training in TRAININGS.items()
    }
    works: dict[str, Work] = {name: partial(step, batch, 1) for name, step in steps.items()}
    return works | {ATTACK: partial(attack, quick(network(width).to(device), BATCH), None, images, labels)}


def in_mode(mode: str, step: Step, model: nn.Module, *rest: object) -> object:
    """A step in float32 or under bfloat16 autocasting."""
    with torch.autocast("cuda", torch.bfloat16, enabled="bf16" in mode):
        return step(model, *rest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    every = ["float32", "fast", *(["bf16", "compiled", "bf16 compiled"] if device == "cuda" else [])]
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
        models = {mode: torch.compile(model) if "compiled" in mode else model for mode in modes if mode != "fast"}
        quickly = fast_works(width, images, labels) if "fast" in modes else {}
        for name, step in STEPS.items():
            works = {mode: partial(in_mode, mode, step, models[mode], optimiser, images, labels) for mode in models}
            works |= {"fast": quickly[name]} if name in quickly else {}
            for turn, seconds in interleaved(works, arguments.rounds):
                where = {"step": name, "width": width, "batch": BATCH, "device": device, "round": turn}
                lines += [{**where, "mode": mode, "milliseconds": 1000 * spent} for mode, spent in seconds.items()]
    frame = save("steps", lines, x="step", y="milliseconds", hue="mode", col="width")
    print(frame.groupby(["width", "step", "mode"], sort=False)["milliseconds"].median().round(1).to_string())


if __name__ == "__main__":
    main()
