"""Which difference can be seen: with 1, 3, 5 and 10 trainings and 500 to 10,000 images, alone and among 59 claims.

Two methods are compared on the same images; at a fifth of the images one is right and the other wrong. The difference
moves between trainings with a standard deviation of 0, 1 or 3 points. What is given is the smallest true difference in
points that four of five experiments decide, by the intervals that judge claims (lacuna.numbers.trainings). With one
training the intervals are of the images alone: a difference between these two networks, not between the methods.
"""

from itertools import product

import numpy as np
import pandas as pd

from lacuna.numbers.statistics import LEVEL, Array
from lacuna.numbers.trainings import Errors

OUT = "docs/benchmarks/power.csv"
DISCORDANT = 0.2  # share of the images at which one of two networks is right and the other wrong
CLAIMS, POWER, TRIES = 59, 0.8, 20_000
KS, IMAGES, SPREADS = (1, 3, 5, 10), (500, 2000, 10_000), (0, 1, 3)


def smallest(k: int, images: int, spread: float, level: float) -> float:
    """The smallest difference in points that is decided with the probability `POWER`, by simulation."""
    draw = np.random.default_rng([k, images, int(10 * spread)])
    of_images = 100 * np.sqrt(DISCORDANT / images)
    means, errors = simulated(draw, k, of_images, spread)
    half = errors.half_widths(np.full(TRIES, level))
    return float(np.quantile(half - means, POWER))  # a difference of d is decided where d + mean > half


def simulated(draw: np.random.Generator, k: int, of_images: float, spread: float) -> tuple[Array, Errors]:
    """Errors of the mean difference over k trainings in `TRIES` experiments, and their estimated standard errors."""
    trainings = draw.normal(0, spread, (TRIES, k)) if k > 1 else np.zeros((TRIES, 1))
    means = draw.normal(0, of_images, TRIES) + trainings.mean(axis=1)
    of_trainings = trainings.std(axis=1, ddof=1) / np.sqrt(k) if k > 1 else np.zeros(TRIES)
    return means, Errors(np.full(TRIES, of_images), of_trainings, max(2, k))


def main() -> None:
    """Writes a line for each number of trainings, of images, and spread."""
    lines = [
        {
            "trainings": k,
            "images": images,
            "spread": spread,
            "alone": round(smallest(k, images, spread, LEVEL), 1),
            "among_59": round(smallest(k, images, spread, LEVEL / CLAIMS), 1),
        }
        for spread, k, images in product(SPREADS, KS, IMAGES)
        if k > 1 or spread == 0
    ]
    pd.DataFrame(lines).to_csv(OUT, index=False)


if __name__ == "__main__":
    main()
