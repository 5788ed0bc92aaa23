"""Images with the sizes of their files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lacuna.evaluation.quality import measure_quality
from lacuna.reporting.examples import Examples

FORMATS = {"PNG": "png_bytes", "JPEG": "jpeg_bytes"}
SIZES = "Sizes: whole files with their headers."


@dataclass(frozen=True)
class Sized:
    """An image uint8 (C, H, W) under ``name``, what it is labelled, and the bytes of its files by format."""

    name: str
    image: np.ndarray
    predicted: str
    right: bool
    sizes: dict[str, int]


def with_sizes(
    data: Mapping[str, Tensor], sets: Sequence[Examples], chosen: np.ndarray, classes: Sequence[str]
) -> list[Sized]:
    """The clean image and each set's, with predictions and file sizes; ``chosen`` (1,) is its id."""
    clean, truth = data["images"][chosen], int(data["labels"][chosen[0]])
    shown = [("clean", clean, truth)]
    shown += [(one.name, torch.from_numpy(one.at(chosen)[0]), int(one.at(chosen)[1][0])) for one in sets]
    return [
        Sized(
            name,
            images[0].numpy(),
            classes[said],
            said == truth,
            {label: int(measure_quality(key, clean, images)[0]) for label, key in FORMATS.items()},
        )
        for name, images, said in shown
    ]
