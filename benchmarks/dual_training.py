"""Milliseconds of a training step with AT-PGD and with AT-Dual (l2, weight 0) at the same number of attack steps.

The ratio is taken within a round. AT-Dual may cost 1.15 times AT-PGD: both make one backward pass per step, and two
regions add only sums over the image. On the CPU one thread, as the workflow runs it, and processor time, which other
processes on the machine change little.
"""

import argparse
import time
from functools import partial

import torch
from common import Work, network, save, timed
from torch import Tensor, nn

from lacuna.numerics.images import as_pixels
from lacuna.training.objective import Objective

BATCH, STEPS = 32, 7
L2 = {"steps": STEPS, "reference": 150528}
DUAL = {"method": "dual_l2", "epsilon_foreground": 2, "epsilon_background": 20, "weight": 0, **L2}
ATTACKS = {
    "AT-PGD": {"method": "pgd_l2", "epsilon_l2": 2, **L2},
    "AT-Dual": DUAL,
    "AT-Dual, random masks": {**DUAL, "masks": "random"},
}


def step(objective: Objective, model: nn.Module, optimiser: torch.optim.Optimizer, *batch: Tensor) -> None:
    """Attack, loss, gradient, update."""
    images, labels, masks = batch
    loss, _ = objective(model, as_pixels(images), labels, masks)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def works(size: tuple[int, int, int], width: str, device: str) -> dict[str, Work]:
    """One training step per attack, on networks and images of their own."""
    images = torch.randint(0, 256, (BATCH, *size), dtype=torch.uint8, device=device)
    labels, masks = torch.randint(0, 10, (BATCH,), device=device), torch.rand(BATCH, *size[1:], device=device) < 0.5
    made: dict[str, Work] = {}
    for name, attack in ATTACKS.items():
        model = network(width, size, "resnet34-standard-s0").to(device).train()
        optimiser = torch.optim.Adam(model.parameters())
        made[name] = partial(step, Objective({"attack": attack}), model, optimiser, images, labels, masks)
    return made


def spent(work: Work, device: str) -> float:
    """Seconds of one call: processor time on the CPU, the clock's with a GPU."""
    if device == "cuda":
        return timed(work)
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    lines: list[dict[str, object]] = []
    for size, width in (((1, 28, 28), "1/8"), ((3, 32, 32), "1/8")):
        steps = works(size, width, device)
        for turn in range(-1, arguments.rounds):  # the first round warms up
            seconds = {name: spent(work, device) for name, work in steps.items()}
            where = {
                "image": "x".join(map(str, size)),
                "width": width,
                "batch": BATCH,
                "steps": STEPS,
                "device": device,
            }
            for name, taken in seconds.items() if turn >= 0 else ():
                ratio = taken / seconds["AT-PGD"]
                lines.append({**where, "round": turn, "training": name, "milliseconds": 1000 * taken, "ratio": ratio})
    frame = save("dual_training", lines, x="training", y="milliseconds", col="image")
    print(frame.groupby(["image", "training"], sort=False)[["milliseconds", "ratio"]].median().round(3).to_string())


if __name__ == "__main__":
    main()
