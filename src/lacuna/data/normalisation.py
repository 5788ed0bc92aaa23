"""Mean and standard deviation of the training images, for a network's first layer."""

from fractions import Fraction
from math import prod, sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lacuna.errors import LacunaError

PIECE = 2**24  # bytes of images that are counted at a time


def normalisation(settings: dict[str, Any], images: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation for the first layer, from the training images uint8 (N, C, H, W).

    Kind ``channel`` (released code) has one mean and one standard deviation per channel, (C, 1, 1). They are those of
    the settings, or computed. Kind ``pixel_mean`` (paper, appendix D) has the mean image (C, H, W), and 1 as standard
    deviation. All sums are of integers and therefore exact. The images may be mapped from a file; they are read in
    pieces. There may be none where the settings state both. Raises `LacunaError` where a computed standard deviation
    is 0.
    """
    if settings["kind"] != "pixel_mean" and "mean" in settings:
        return torch.tensor(settings["mean"]).view(-1, 1, 1), torch.tensor(settings["std"]).view(-1, 1, 1)
    assert images is not None, "a streamed dataset states both (lacuna.config.datasets)"
    if settings["kind"] == "pixel_mean":
        total = sum(piece.numpy().sum(0, dtype=np.int64) for piece in _pieces(images))
        return torch.from_numpy(total / (255 * len(images))).float(), torch.ones(images.shape[1], 1, 1)
    mean, std = zip(*(_moments(counts) for counts in _histograms(images)), strict=True)
    if not min(std) > 0:
        where = f"channel {std.index(min(std))} of the training images has one value everywhere"
        raise LacunaError(f"{where}; state mean and std under normalisation in config/datasets.yaml")
    return torch.tensor(mean).view(-1, 1, 1), torch.tensor(std).view(-1, 1, 1)


def _pieces(images: Tensor) -> tuple[Tensor, ...]:
    return torch.split(images, max(1, PIECE // prod(images.shape[1:])))


def _histograms(images: Tensor) -> list[list[int]]:
    """How often each channel has each of the 256 values."""
    counts = np.zeros((images.shape[1], 256), np.int64)
    for piece in _pieces(images):
        for channel, values in enumerate(piece.numpy().swapaxes(0, 1)):
            counts[channel] += np.bincount(values.ravel(), minlength=256)
    return [[int(count) for count in line] for line in counts]


def _moments(counts: list[int]) -> tuple[float, float]:
    """Mean and standard deviation (over N - 1) of pixels in [0, 1], from the counts of the 256 values."""
    number = sum(counts)
    first = sum(value * count for value, count in enumerate(counts))
    second = sum(value**2 * count for value, count in enumerate(counts))
    variance = Fraction(number * second - first**2, number * max(1, number - 1) * 255**2)
    return first / (255 * number), sqrt(variance)
