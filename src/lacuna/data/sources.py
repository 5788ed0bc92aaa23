"""From a dataset's entry in config/datasets.yaml to tensors: embedded, torchvision's, or an image folder."""

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from lacuna.artefacts import sha256
from lacuna.data.classes import class_count
from lacuna.data.downloads import read_arrays, registered
from lacuna.data.folder import read_folder
from lacuna.errors import LacunaError

Split = tuple[Tensor, Tensor]
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]


def load_splits(name: str, settings: dict[str, Any]) -> dict[str, Split]:
    """Images uint8 (N, C, H, W) and labels int64 (N,) of the splits train and test.

    ``settings`` is the dataset's entry in config/datasets.yaml. Raises `LacunaError` where a file is missing or
    altered, or where the images are not what the entry says.
    """
    return {split: _split(f"{name}: {split}", *arrays, settings) for split, arrays in _arrays(settings).items()}


def _arrays(settings: dict[str, Any]) -> Arrays:
    source = settings["source"]
    if source["kind"] == "torchvision":
        return read_arrays(source["name"])
    if source["kind"] == "folder":
        return read_folder(source, settings["image"], settings["classes"])
    return _embedded(source)


def _embedded(source: dict[str, Any]) -> Arrays:
    """The file in the repository, whose sha256 stands in the configuration."""
    if not Path(source["file"]).is_file() or sha256(source["file"]) != source["sha256"]:
        raise LacunaError(
            f"{source['file']} is not the published file (its sha256 differs); restore it with git checkout"
        )
    try:
        with np.load(source["file"], allow_pickle=False) as arrays:
            return {split: (arrays[f"{split}_images"], arrays[f"{split}_labels"]) for split in ("train", "test")}
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile):
        wanted = "train_images, train_labels, test_images and test_labels"
        raise LacunaError(f"{source['file']} is not an .npz file of the arrays {wanted}; replace it") from None


def source_files(source: dict[str, Any]) -> dict[str, str]:
    """sha256 of the published files that a dataset was read from, by name; empty for a folder of images."""
    if source["kind"] == "torchvision":
        return {line["file"]: line["sha256"] for line in registered(source["name"])}
    return {source["file"]: source["sha256"]} if source["kind"] == "embedded" else {}


def _split(what: str, images: np.ndarray, labels: np.ndarray, settings: dict[str, Any]) -> Split:
    """One split as tensors. Raises `LacunaError` where it is not what its entry says; ``what`` names both."""
    _check(what, images, labels, settings)
    pixels = torch.from_numpy(np.ascontiguousarray(images))
    pixels = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
    return pixels.contiguous(), torch.from_numpy(labels.astype(np.int64))


def _check(what: str, images: np.ndarray, labels: np.ndarray, settings: dict[str, Any]) -> None:
    wanted = (settings[what.rpartition(" ")[2]], *settings["image"])
    found = images.shape[:1] + {3: (1, *images.shape[1:]), 4: (*images.shape[3:], *images.shape[1:3])}.get(
        images.ndim, images.shape[1:]
    )
    if found != wanted or images.dtype != np.uint8:
        raise LacunaError(f"config/datasets.yaml, key {what} images are {images.dtype} {found}, not uint8 {wanted}")
    whole = labels.shape == images.shape[:1] and labels.dtype.kind in "iu"
    if not whole or labels.min() < 0 or labels.max() >= class_count(settings):
        raise LacunaError(f"config/datasets.yaml, key {what} labels do not fit its {class_count(settings)} classes")
    if len(np.unique(labels)) == 1:
        raise LacunaError(f"config/datasets.yaml, key {what} images are all of one class; allowed: at least two")


def normalisation(settings: dict[str, Any], images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation for the first layer, from the training images uint8 (N, C, H, W).

    Kind ``channel`` (released code) takes stated constants or computes them per channel; kind ``pixel_mean``
    (paper, appendix D) subtracts the mean image and divides by one. Raises `LacunaError` for a channel to be computed
    that has one value everywhere.
    """
    pixels = images.double() / 255
    if settings["kind"] == "pixel_mean":
        return pixels.mean(0).float(), torch.ones(images.shape[1], 1, 1)
    if "mean" in settings:
        return torch.tensor(settings["mean"]).view(-1, 1, 1), torch.tensor(settings["std"]).view(-1, 1, 1)
    mean, std = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3))
    if not std.min() > 0:
        where = f"channel {int(std.argmin())} of the training images has one value everywhere"
        raise LacunaError(f"{where}; state mean and std under normalisation in config/datasets.yaml")
    return mean.float().view(-1, 1, 1), std.float().view(-1, 1, 1)
