"""Images per second of FGSM and PGD: this project's loop against foolbox, torchattacks and ART.

    make benchmark          # installs the peers into .venv, writes CSV files and plots to docs/benchmarks

All attack the same network (CIFAR ResNet-18, evaluation mode), the same images and labels, epsilon 16/255, step
1/255, no random start, float32. Ours runs on the folded network in channels-last layout, the peers on the network as
their users have it; ``reference`` is ours without folding and layout. Rounds are interleaved; the ratio is ours to
the peer's within a round. A peer that is not installed is left out and named. ``gflops`` counts the convolutions and
products of the passes that an attack needs, one forward and one backward a step; ``matrix product`` is what PyTorch
reaches with a product of two large matrices, which bounds what convolutions in exact float32 can reach.
"""

import argparse
from collections.abc import Callable
from functools import partial

import pandas as pd
import torch
from common import Work, interleaved, network, save
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lacuna.attacks.core.folding import fold_batch_norm
from lacuna.attacks.pgd import pgd

EPSILON, STEP = 16 / 255, 1 / 255
STEPS = {"fgsm": 1, "pgd": 10}
SIZES = {"1/4": 125, "1": 64}  # width of the network, images in a batch (the workflow attacks 125 at a time)
Attack = Callable[[Tensor, Tensor], Tensor]
Image = tuple[int, int, int]
CIFAR = (3, 32, 32)
SIDE, PRODUCT = 2048, "matrix product"


def step_of(steps: int) -> float:
    """One step is FGSM: it goes all the way."""
    return EPSILON if steps == 1 else STEP


def lacuna(model: nn.Module, steps: int) -> Attack:
    """Parameters frozen, gradient of the input only, batch normalisation folded, channels last."""
    victim = fold_batch_norm(model).to(memory_format=torch.channels_last)
    return lambda x, y: reference(victim, steps)(x.contiguous(memory_format=torch.channels_last), y)


def reference(model: nn.Module, steps: int) -> Attack:
    """The same loop on the network as it is."""
    return partial(pgd, model, epsilon=EPSILON, step=step_of(steps), steps=steps)


def foolbox(model: nn.Module, steps: int) -> Attack:
    """foolbox.attacks.LinfProjectedGradientDescentAttack."""
    from foolbox.attacks import LinfProjectedGradientDescentAttack
    from foolbox.models.pytorch import PyTorchModel

    attack = LinfProjectedGradientDescentAttack(abs_stepsize=step_of(steps), steps=steps, random_start=False)
    victim = PyTorchModel(model, bounds=(0, 1), device=next(model.parameters()).device)
    return lambda x, y: attack(victim, x, y, epsilons=EPSILON)[1]


def torchattacks(model: nn.Module, steps: int) -> Attack:
    """torchattacks.PGD."""
    from torchattacks import PGD

    return PGD(model, eps=EPSILON, alpha=step_of(steps), steps=steps, random_start=False)


def art(model: nn.Module, steps: int, image: Image = CIFAR) -> Attack:
    """ART's ProjectedGradientDescentPyTorch, which wants to know the image's shape."""
    from art.attacks.evasion import ProjectedGradientDescentPyTorch
    from art.estimators.classification import PyTorchClassifier

    device = next(model.parameters()).device
    shape = {"input_shape": image, "nb_classes": 10, "clip_values": (0, 1), "device_type": device.type}
    victim = PyTorchClassifier(model, nn.CrossEntropyLoss(), **shape)
    how = {"eps": EPSILON, "eps_step": step_of(steps), "max_iter": steps, "batch_size": 1024, "verbose": False}
    attack = ProjectedGradientDescentPyTorch(victim, **how)
    return lambda x, y: torch.from_numpy(attack.generate(x.cpu().numpy(), y.cpu().numpy())).to(device)


def installed(model: nn.Module, steps: int, image: Image = CIFAR) -> dict[str, Attack]:
    """The engines that can be imported, on a model in PyTorch's default layout."""
    engines: list[Callable[[nn.Module, int], Attack]] = [lacuna, reference, foolbox, torchattacks]
    attacks = {}
    for make in [*engines, partial(art, image=image)]:
        name = getattr(make, "__name__", "art")
        try:
            attacks[name] = make(model, steps)
        except ImportError as error:
            print(f"{name} is not installed ({error}); left out", flush=True)
    return attacks


def operations(model: nn.Module, x: Tensor) -> float:
    """Operations in 10^9 of one step of an attack: as many backward to the images as forward."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(x)
    return 2 * counter.get_total_flops() / 1e9


def matrix_product(device: str) -> Callable[[], object]:
    """A product of two matrices of `SIDE` rows and columns."""
    left, right = (torch.rand(SIDE, SIDE, device=device) for _ in range(2))
    return lambda: left @ right


def measure(method: str, width: str, rounds: int, device: str) -> list[dict[str, object]]:
    """One line per engine and round: images per second, the ratio of ours to it, operations per second."""
    batch, generator = SIZES[width], torch.Generator().manual_seed(0)
    x = torch.rand(batch, *CIFAR, generator=generator).to(device)
    y = torch.randint(0, 10, (batch,), generator=generator).to(device)
    model = network(width).to(device, memory_format=torch.contiguous_format)
    works: dict[str, Work] = {name: partial(do, x, y) for name, do in installed(model, STEPS[method]).items()}
    work = dict.fromkeys(works, STEPS[method] * operations(model, x)) | {PRODUCT: 2 * SIDE**3 / 1e9}
    works[PRODUCT] = matrix_product(device)
    where = {"method": method, "width": width, "batch": batch, "threads": torch.get_num_threads(), "device": device}
    lines: list[dict[str, object]] = []
    for turn, seconds in interleaved(works, rounds):
        for name, spent in seconds.items():
            speed = {"images_per_second": batch / spent, "ours_to_this": spent / seconds["lacuna"]}
            speed = {} if name == PRODUCT else speed
            lines.append({**where, "engine": name, "round": turn, **speed, "gflops": work[name] / spent})
        print(f"{method}, width {width}: round {turn + 1} of {rounds}", flush=True)
    return lines


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Median speed and ratio, with the ratio's smallest and largest value over the rounds."""
    groups = frame.groupby(["threads", "method", "width", "engine"], sort=False)
    ratios = groups["ours_to_this"].agg(["median", "min", "max"])
    return groups[["images_per_second", "gflops"]].median().join(ratios).round(2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    every = sorted({1, torch.get_num_threads()})
    parser.add_argument("--threads", type=int, nargs="*", default=every, help="default: one, and all cores")
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    lines = []
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        lines += [
            line for method in STEPS for width in SIZES for line in measure(method, width, arguments.rounds, device)
        ]
    frame = save("attacks", lines, x="engine", y="images_per_second", hue="threads", col="width", row="method")
    print(summary(frame).to_string())


if __name__ == "__main__":
    main()
