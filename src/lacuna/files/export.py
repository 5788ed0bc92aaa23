"""Adversarial sets in formats that other tools read."""

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from lacuna.files.contents import IMAGES, codes_of


def write_npz(path: Path, tensors: dict[str, Tensor]) -> None:
    """All tensors of a set as arrays of the same names; no pickled objects."""
    np.savez_compressed(path, allow_pickle=False, **{name: tensor.numpy() for name, tensor in tensors.items()})


def write_png(folder: Path, tensors: dict[str, Tensor]) -> None:
    """Writes each image as a lossless PNG file, below the folder of its attack's code.

    The file's name is the image's id, with five digits, an underscore and the label.
    """
    for code in codes_of(tensors):
        below = folder / code
        below.mkdir(parents=True)
        for pixels, image, label in zip(tensors[f"{code}{IMAGES}"], tensors["image"], tensors["label"], strict=True):
            array = pixels.permute(1, 2, 0).numpy()
            picture = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)
            picture.save(below / f"{int(image):05d}_{int(label)}.png")
