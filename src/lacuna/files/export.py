"""Adversarial sets in formats that other tools read."""

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

IMAGES = ".images"


def write_npz(path: Path, tensors: dict[str, Tensor]) -> None:
    """All tensors of a set as arrays of the same names; no pickled objects."""
    np.savez_compressed(path, allow_pickle=False, **{name: tensor.numpy() for name, tensor in tensors.items()})


def write_png(folder: Path, tensors: dict[str, Tensor]) -> None:
    """One folder per budget with a PNG ``<image id>_<label>.png`` for each image; lossless."""
    for key in sorted(name for name in tensors if name.endswith(IMAGES)):
        below = folder / key.removesuffix(IMAGES)
        below.mkdir(parents=True)
        for pixels, image, label in zip(tensors[key], tensors["image"], tensors["label"], strict=True):
            array = pixels.permute(1, 2, 0).numpy()
            picture = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
            picture.save(below / f"{int(image):05d}_{int(label)}.png")
