"""Small crops of ten photographs that scikit-image has: the class of a crop is its photograph."""

from itertools import product
from typing import Any

import numpy as np

from lacuna.errors import LacunaError

# The names of scikit-image's functions; all are in its wheel, with a licence stated there (docs/datasets.md).
PHOTOGRAPHS = (
    *("astronaut", "camera", "chelsea", "clock", "coffee", "coins"),
    *("hubble_deep_field", "immunohistochemistry", "retina", "rocket"),
)
SIDE = 300  # the square in the middle of each photograph is scaled to this; the smallest photograph is 300 high
CROP, CELL = 64, 75  # sides in pixels
OFFSETS = (0, 3, 5, 8, 11)  # where crops begin in a cell, down and across; 11 = 75 - 64
Arrays = dict[str, tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]]


def read_photographs() -> Arrays:
    """Images uint8 (N, 64, 64, 3) and labels of the splits train (3000) and test (1000), ordered by class.

    The square in the middle of each photograph is scaled to 300 x 300 and cut into 4 x 4 cells. Twelve cells are for
    training; four, one in each row and column, are for the test. Every cell gives 25 crops, which are much alike.
    Greyscale photographs have three equal channels.
    """
    squares = [_square(name) for name in PHOTOGRAPHS]
    splits = {}
    for split in ("train", "test"):
        crops = [
            (square[top : top + CROP, left : left + CROP], label)
            for label, square in enumerate(squares)
            for top, left in crop_corners(split)
        ]
        splits[split] = (np.stack([crop for crop, _ in crops]), np.array([label for _, label in crops]))
    return splits


def crop_corners(split: str) -> list[tuple[int, int]]:
    """Top and left of a split's crops, in pixels of a photograph's 300 x 300 square."""
    cells = [cell for cell in product(range(SIDE // CELL), repeat=2) if _is_test(*cell) == (split == "test")]
    return [(CELL * i + down, CELL * j + across) for i, j in cells for down, across in product(OFFSETS, repeat=2)]


def _is_test(row: int, column: int) -> bool:
    """Whether a cell is for the test; every row and every column has one such cell."""
    return column == (1, 3, 0, 2)[row]


def _square(name: str) -> "np.ndarray[Any, Any]":
    """The middle of a photograph, uint8 (300, 300, 3)."""
    from PIL import Image, ImageOps
    from skimage import data

    try:
        pixels = getattr(data, name)()
    except (OSError, ValueError, ImportError) as error:
        raise LacunaError(
            f"photograph '{name}' of scikit-image cannot be read ({type(error).__name__}); reinstall it"
        ) from None
    whole = Image.fromarray(pixels).convert("RGB")
    return np.asarray(ImageOps.fit(whole, (SIDE, SIDE), Image.Resampling.LANCZOS))


def photograph_digests() -> dict[str, str]:
    """sha256 of the pixels of each photograph's square, by name."""
    import hashlib

    return {name: hashlib.sha256(_square(name).tobytes()).hexdigest() for name in PHOTOGRAPHS}
