"""From a dataset's entry in config/datasets.yaml to tensors: embedded, torchvision's, photographs, an image folder."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lacuna.artefacts import sha256
from lacuna.data.classes import class_count
from lacuna.data.downloads import read_arrays, registered
from lacuna.data.folder import read_folder
from lacuna.data.photographs import photograph_files, read_photographs
from lacuna.errors import LacunaError

Split = tuple[Tensor, Tensor]
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]


def load_splits(name: str, settings: dict[str, Any]) -> dict[str, Split]:
    """Images uint8 (N, C, H, W) and labels int64 (N,) of the splits train and test.

    ``settings`` is the dataset's entry in config/datasets.yaml. Raises `LacunaError` where a file is missing or
    altered, or where the images are not what the entry says.
    """
    splits = {split: _split(*arrays) for split, arrays in _arrays(settings).items()}
    for split, (images, labels) in splits.items():
        _check(name, split, images, labels, settings)
    return splits


def _arrays(settings: dict[str, Any]) -> Arrays:
    source = settings["source"]
    if source["kind"] == "torchvision":
        return read_arrays(source["name"])
    if source["kind"] == "folder":
        return read_folder(source, settings["image"], settings["classes"])
    if source["kind"] == "photographs":
        return read_photographs()
    return _embedded(source)


def _embedded(source: dict[str, Any]) -> Arrays:
    """The file in the repository, whose sha256 stands in the configuration."""
    if not Path(source["file"]).is_file() or sha256(source["file"]) != source["sha256"]:
        raise LacunaError(
            f"{source['file']} is not the published file (its sha256 differs); restore it with git checkout"
        )
    with np.load(source["file"], allow_pickle=False) as arrays:
        return {split: (arrays[f"{split}_images"], arrays[f"{split}_labels"]) for split in ("train", "test")}


def source_files(source: dict[str, Any]) -> dict[str, str]:
    """sha256 of the published files that a dataset was read from, by name; empty for a folder of images.

    Of photographs it is that of their pixels.
    """
    if source["kind"] == "photographs":
        return photograph_files()
    if source["kind"] == "torchvision":
        return {line["file"]: line["sha256"] for line in registered(source["name"])}
    return {source["file"]: source["sha256"]} if source["kind"] == "embedded" else {}


def _split(images: np.ndarray, labels: np.ndarray) -> Split:
    pixels = torch.from_numpy(np.ascontiguousarray(images))
    pixels = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)
    return pixels.contiguous(), torch.from_numpy(labels.astype(np.int64))


def _check(name: str, split: str, images: Tensor, labels: Tensor, settings: dict[str, Any]) -> None:
    wanted = (settings[split], *settings["image"])
    if tuple(images.shape) != wanted or images.dtype != torch.uint8:
        raise LacunaError(f"config/datasets.yaml, key {name}: {split} images are {tuple(images.shape)}, not {wanted}")
    if len(labels) != len(images) or labels.min() < 0 or labels.max() >= class_count(settings):
        raise LacunaError(
            f"config/datasets.yaml, key {name}: {split} labels do not fit its {class_count(settings)} classes"
        )


def normalisation(settings: dict[str, Any], images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation for the first layer, from the training images uint8 (N, C, H, W).

    Kind ``channel`` (released code) takes stated constants or computes them per channel; kind ``pixel_mean``
    (paper, appendix D) subtracts the mean image and divides by one.
    """
    pixels = images.double() / 255
    if settings["kind"] == "pixel_mean":
        return pixels.mean(0).float(), torch.ones(images.shape[1], 1, 1)
    if "mean" in settings:
        return torch.tensor(settings["mean"]).view(-1, 1, 1), torch.tensor(settings["std"]).view(-1, 1, 1)
    return pixels.mean((0, 2, 3)).float().view(-1, 1, 1), pixels.std((0, 2, 3)).float().view(-1, 1, 1)
