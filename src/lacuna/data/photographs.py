"""Crops of eight colour photographs that installed packages have. Nobody labelled them: a network does."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from lacuna.data.answers import answers
from lacuna.errors import LacunaError

# Each photograph, with the package that has it. docs/datasets.md has their authors and licences.
PHOTOGRAPHS = {
    **dict.fromkeys(("astronaut", "chelsea", "coffee", "hubble_deep_field", "rocket"), "scikit-image"),
    **dict.fromkeys(("china", "flower"), "scikit-learn"),
    "grace_hopper": "matplotlib",
}
SIDE, CROP = 320, 224  # pixels: of the square in the middle of a photograph, and of a crop
CORNERS = ((0, 0), (0, SIDE - CROP), (SIDE - CROP, 0), (SIDE - CROP, SIDE - CROP))  # top and left of a square's crops
Arrays = dict[str, tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]]


def read_photographs(network: str) -> Arrays:
    """Images uint8 (N, 224, 224, 3) of the splits train (8) and test (32), each with the ``network``'s answers.

    The square in the middle of each photograph is scaled to 320 x 320. Its four crops of 224 x 224, one from each
    corner, follow each other in the test; all have the middle of the photograph. Training images, which nothing is
    trained on, are the squares scaled to 224 x 224. The labels are those of `lacuna.data.answers.answers`.
    """
    squares = [_square(name, SIDE) for name in PHOTOGRAPHS]
    splits = {
        "train": np.stack([_square(name, CROP) for name in PHOTOGRAPHS]),
        "test": np.stack([crop for square in squares for crop in _crops(square)]),
    }
    return {split: (images, answers(network, _as_tensor(images)).numpy()) for split, images in splits.items()}


def _crops(square: "np.ndarray[Any, Any]") -> Iterator["np.ndarray[Any, Any]"]:
    return (square[top : top + CROP, left : left + CROP] for top, left in CORNERS)


def _as_tensor(images: "np.ndarray[Any, Any]") -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def _square(name: str, side: int) -> "np.ndarray[Any, Any]":
    """The middle of a photograph, uint8 (side, side, 3)."""
    from PIL import Image, ImageOps

    whole = Image.fromarray(_pixels(name)).convert("RGB")
    return np.asarray(ImageOps.fit(whole, (side, side), Image.Resampling.LANCZOS))


def _pixels(name: str) -> "np.ndarray[Any, Any]":
    """A photograph as its package gives it, uint8 (H, W, 3)."""
    package = PHOTOGRAPHS[name]
    try:
        return READERS[package](name)
    except (OSError, ValueError, ImportError, AttributeError) as error:
        raise LacunaError(
            f"photograph '{name}' of {package} cannot be read ({type(error).__name__}); reinstall it"
        ) from None


def _of_skimage(name: str) -> "np.ndarray[Any, Any]":
    from skimage import data

    return getattr(data, name)()


def _of_sklearn(name: str) -> "np.ndarray[Any, Any]":
    from sklearn.datasets import load_sample_image

    return load_sample_image(f"{name}.jpg")


def _of_matplotlib(name: str) -> "np.ndarray[Any, Any]":
    from matplotlib import get_data_path
    from PIL import Image

    return np.asarray(Image.open(f"{get_data_path()}/sample_data/{name}.jpg"))


READERS = {"scikit-image": _of_skimage, "scikit-learn": _of_sklearn, "matplotlib": _of_matplotlib}


def photograph_digests() -> dict[str, str]:
    """sha256 of the pixels of each photograph's square, by name."""
    import hashlib

    return {name: hashlib.sha256(_square(name, SIDE).tobytes()).hexdigest() for name in PHOTOGRAPHS}
