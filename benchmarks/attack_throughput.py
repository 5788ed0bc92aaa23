"""Images per second of PGD: this project's loop against foolbox, torchattacks and ART.

    make benchmark          # installs the peers into .venv and writes docs/benchmarks/attack_throughput.csv and .svg

All attack the same network (CIFAR ResNet-18, evaluation mode, one thread), the same images and labels, epsilon
16/255, step 1/255, no random start, float32. Rounds are interleaved, so that a busy machine slows all alike; the
ratio is ours to the peer's within a round. A peer that is not installed is left out and named.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch
from torch import Tensor, nn

from lacuna.attacks.folding import folded
from lacuna.attacks.gradient import pgd
from lacuna.models import build_model
from lacuna.names import parse_model

EPSILON, STEP = 16 / 255, 1 / 255
Attack = Callable[[Tensor, Tensor], Tensor]


def network(width: str) -> nn.Module:
    """ResNet-18 for 3 x 32 x 32, ten classes, untrained: throughput does not depend on the weights."""
    spec, half = parse_model("resnet18-standard-s0"), torch.full((3, 1, 1), 0.5)
    size = {"width": Fraction(width), "mask_place": "released_code", "seed": 0}
    return build_model(spec, (3, 32, 32), 10, mean=half, std=half, **size).eval()


def ours(model: nn.Module, steps: int) -> Attack:
    """Parameters frozen, gradient of the input only, batch normalisation folded, channels last."""
    victim = folded(model)
    return lambda x, y: pgd(
        victim, x.contiguous(memory_format=torch.channels_last), y, epsilon=EPSILON, step=STEP, steps=steps
    )


def foolbox(model: nn.Module, steps: int) -> Attack:
    """foolbox.attacks.LinfProjectedGradientDescentAttack."""
    from foolbox.attacks import LinfProjectedGradientDescentAttack
    from foolbox.models.pytorch import PyTorchModel

    attack = LinfProjectedGradientDescentAttack(abs_stepsize=STEP, steps=steps, random_start=False)
    victim = PyTorchModel(model, bounds=(0, 1), device="cpu")
    return lambda x, y: attack(victim, x, y, epsilons=EPSILON)[1]


def torchattacks(model: nn.Module, steps: int) -> Attack:
    """torchattacks.PGD."""
    from torchattacks import PGD

    return PGD(model, eps=EPSILON, alpha=STEP, steps=steps, random_start=False)


def art(model: nn.Module, steps: int) -> Attack:
    """ART's ProjectedGradientDescentPyTorch."""
    from art.attacks.evasion import ProjectedGradientDescentPyTorch
    from art.estimators.classification import PyTorchClassifier

    victim = PyTorchClassifier(model, nn.CrossEntropyLoss(), (3, 32, 32), 10, clip_values=(0, 1), device_type="cpu")
    how = {"eps": EPSILON, "eps_step": STEP, "max_iter": steps, "batch_size": 1024, "verbose": False}
    attack = ProjectedGradientDescentPyTorch(victim, **how)
    return lambda x, y: torch.from_numpy(attack.generate(x.numpy(), y.numpy()))


ENGINES: dict[str, Callable[[nn.Module, int], Attack]] = {
    "lacuna": ours,
    "foolbox": foolbox,
    "torchattacks": torchattacks,
    "art": art,
}


def measure(width: str, batch: int, steps: int, rounds: int) -> list[dict[str, object]]:
    """One line per engine and round: images per second, ratio of ours to it, pixels that differ from ours."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(batch, 3, 32, 32, generator=generator)
    y = torch.randint(0, 10, (batch,), generator=generator)
    attacks = {}
    for name, make in ENGINES.items():
        try:
            layout = torch.channels_last if name == "lacuna" else torch.contiguous_format  # what their users have
            attacks[name] = make(network(width).to(memory_format=layout), steps)
        except ImportError as error:
            print(f"{name} is not installed ({error}); left out", flush=True)
    results = {name: attack(x, y) for name, attack in attacks.items()}  # also the warm-up
    different = {
        name: (result - results["lacuna"]).abs().gt(1e-4).float().mean().item() for name, result in results.items()
    }
    lines: list[dict[str, object]] = []
    for turn in range(rounds):
        seconds = {name: timed(attack, x, y) for name, attack in attacks.items()}
        for name, spent in seconds.items():
            speed = {"images_per_second": batch / spent, "ours_to_this": spent / seconds["lacuna"]}
            place = {"width": width, "batch": batch, "steps": steps, "engine": name, "round": turn}
            lines.append({**place, **speed, "different_pixels": different[name]})
        print(f"width {width}, batch {batch}: round {turn + 1} of {rounds}", flush=True)
    return lines


def timed(attack: Attack, x: Tensor, y: Tensor) -> float:
    """Seconds of one attack on one batch."""
    start = time.perf_counter()
    attack(x, y)
    return time.perf_counter() - start


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Images per second by engine, one panel per width."""
    plt.rcParams["svg.hashsalt"] = "lacuna"
    grid = sns.catplot(frame, x="engine", y="images_per_second", col="width", kind="bar", sharey=False, height=3)
    grid.set_axis_labels("", "images per second")
    grid.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lines = []
    for width, batch in (("1/4", 64), ("1", 16)):
        lines += measure(width, batch, arguments.steps, arguments.rounds)
    frame = pd.DataFrame(lines)
    arguments.out.mkdir(parents=True, exist_ok=True)
    frame.round(4).to_csv(arguments.out / "attack_throughput.csv", index=False)
    draw(frame, arguments.out / "attack_throughput.svg")
    for (width, name), group in frame.groupby(["width", "engine"], sort=False):
        ratios = group["ours_to_this"]
        spread = f"{statistics.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"
        print(
            f"width {width}, {name}: {group['images_per_second'].median():.1f} images/s, ours is {spread} times as fast"
        )


if __name__ == "__main__":
    main()
