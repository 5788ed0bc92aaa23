"""What the benchmarks share: networks, interleaved timing, a CSV and a plot of each."""

import platform
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch
from torch import nn

from lacuna.language.models import parse_model
from lacuna.models.build import build_model

OUT = Path("docs/benchmarks")
Work = Callable[[], object]


def network(width: str, image: tuple[int, int, int] = (3, 32, 32), model: str = "resnet18-standard-s0") -> nn.Module:
    """An untrained network: throughput does not depend on the weights."""
    half = torch.full((image[0], 1, 1), 0.5)
    size = {"width": Fraction(width), "mask_place": "released_code", "seed": 0}
    return build_model(parse_model(model), image, 10, mean=half, std=half, **size).eval()


def timed(work: Work) -> float:
    """Seconds that one call takes, the device's queue included."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def interleaved(works: dict[str, Work], rounds: int) -> Iterable[tuple[int, dict[str, float]]]:
    """After one call of each as warm-up, (round, seconds by name): a busy machine slows all of a round alike."""
    for work in works.values():
        work()
    for turn in range(rounds):
        yield turn, {name: timed(work) for name, work in works.items()}


def save(name: str, lines: list[dict[str, object]], **axes: str) -> pd.DataFrame:
    """Writes docs/benchmarks/<name>.csv, every round a line, and <name>.svg, bars with their spread.

    ``axes`` are seaborn's.
    """
    frame = pd.DataFrame(lines)
    OUT.mkdir(parents=True, exist_ok=True)
    frame.round(4).to_csv(OUT / f"{name}.csv", index=False)
    plt.rcParams["svg.hashsalt"] = "lacuna"
    grid = sns.catplot(frame, kind="bar", errorbar=("pi", 100), sharey=False, sharex=False, height=3, **axes)
    grid.savefig(OUT / f"{name}.svg", metadata={"Date": None})
    print(f"{OUT}/{name}.csv and .svg; {platform.machine()}, torch {torch.__version__}", flush=True)
    return frame
