"""Whether trainings with ``fast: true`` are as accurate: the demo's ResNet-18 from several seeds, each both ways.

Two one-sided tests on the pairs (TOST): the means count as equivalent within 1 point where the 90 % interval of the
mean difference lies inside it. On a CPU only the fused optimiser differs; with a GPU steps are CUDA graphs too.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from common import OUT
from statsmodels.stats.weightstats import DescrStatsW, ttost_paired
from torch import Tensor

from lacuna.config.load import load
from lacuna.data.normalisation import normalisation
from lacuna.data.sources import load_splits
from lacuna.files.states import Resumable
from lacuna.models.networks import new_network
from lacuna.numerics.device import prepare_torch
from lacuna.plan.plan import Plan
from lacuna.training.history import measure
from lacuna.training.loop import train

CHOSEN = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
DATASET, WITHIN, LEVEL = "fashion-mnist-subset", 1, 0.05
Splits = dict[str, tuple[Tensor, Tensor]]


def accuracy(settings: dict[str, Any], epochs: int, splits: Splits, device: str) -> float:
    """Test accuracy in percent of a network after a training."""
    images, labels = (tensor.to(device) for tensor in splits["train"])
    network = new_network(settings, *normalisation(settings["normalisation"], images.cpu())).to(device)
    recipe = settings["recipe"] | {"epochs": epochs or settings["recipe"]["epochs"]}
    with TemporaryDirectory() as folder:
        how: dict[str, Any] = {"state": Resumable(Path(folder) / "state", ""), "say": lambda line: None}
        how |= {"name": settings["model"], "seed": settings["seed"], "fast": settings.get("fast", False)}
        train(network, images, labels, recipe, **how)
    return measure(network, *(tensor.to(device) for tensor in splits["test"]))[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=0, help="fewer than the demo's")
    arguments = parser.parse_args()
    device = prepare_torch(1)
    plans = {fast: Plan(load(Path(), CHOSEN | {"fast": fast})) for fast in (False, True)}
    splits = load_splits(DATASET, plans[False].stages["dataset"].settings(DATASET))
    lines = []
    for seed in range(arguments.seeds):
        asked = [plan.stages["train"].settings(DATASET, f"resnet18-standard-s{seed}") for plan in plans.values()]
        reference, fast = (accuracy(settings, arguments.epochs, splits, device) for settings in asked)
        lines.append({"device": device, "seed": str(seed), "reference": reference, "fast": fast})
        print(lines[-1], flush=True)
    frame = pd.DataFrame(lines)
    low, high = DescrStatsW(frame["fast"] - frame["reference"]).tconfint_mean(2 * LEVEL)
    tested = ttost_paired(frame["fast"].to_numpy(), frame["reference"].to_numpy(), -WITHIN, WITHIN)
    mean = {"device": device, "seed": "mean", **frame[["reference", "fast"]].mean(), "low": low, "high": high}
    frame = pd.concat([frame, pd.DataFrame([mean | {"p": tested[0]}])])
    frame.insert(4, "difference", frame["fast"] - frame["reference"])
    frame.round(4).to_csv(OUT / "fast_accuracy.csv", index=False)
    print(f"{OUT}/fast_accuracy.csv: fast less reference lies in {low:.2f} to {high:.2f} points, p {tested[0]:.2g}")


if __name__ == "__main__":
    main()
