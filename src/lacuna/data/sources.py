"""Reads the dataset of an entry of config/datasets.yaml: embedded, torchvision's, photographs, own files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from lacuna.data.classes import class_count
from lacuna.data.downloads import read_arrays, registry_lines
from lacuna.data.folder import ImageFile, read_image, unchanged
from lacuna.data.index import Entry, read_entries
from lacuna.data.own_files import both_splits, first_of_classes, keeps_jpeg_blocks, order_digest, refuse_counts
from lacuna.data.own_paths import OWN_KINDS, partitions_path
from lacuna.data.photographs import photograph_digests, read_photographs
from lacuna.data.streamed import is_streamed
from lacuna.errors import LacunaError
from lacuna.files.artefacts import sha256

Arrays = dict[str, tuple[np.ndarray, np.ndarray]]
PIECE = 2**24  # bytes of images that are read at a time


@dataclass(frozen=True)
class Split:
    """One split of a dataset: labels int64 (N,) and images uint8 of ``shape`` (N, C, H, W).

    ``pieces`` reads the images in order, some at a time. ``order`` is the `order_digest` of the user's own files, empty
    for other datasets. ``jpeg_blocks`` says that they are JPEG files whose blocks stay (`keeps_jpeg_blocks`). Of a
    streamed split ``entries`` reads what its files are, some at a time; of others there are none.
    """

    shape: tuple[int, ...]
    labels: Tensor
    pieces: Callable[[], Iterator[Tensor]]
    order: str = ""
    jpeg_blocks: bool = False
    entries: Callable[[], Iterator[list[Entry]]] | None = None

    def facts(self) -> dict[str, Any]:
        """What the provenance of a split of the user's own files says of them; nothing of others."""
        said = {"jpeg_blocks": self.jpeg_blocks, "streamed": self.entries is not None}
        return {"order": self.order, **{key: True for key, holds in said.items() if holds}} if self.order else {}


def load_splits(name: str, settings: dict[str, Any]) -> dict[str, tuple[Tensor, Tensor]]:
    """Images uint8 (N, C, H, W) and labels int64 (N,) of the splits train and test, all in memory.

    See `open_splits` for the settings and errors.
    """
    opened = open_splits(name, settings)
    return {split: (torch.cat(list(part.pieces())), part.labels) for split, part in opened.items()}


def open_splits(name: str, settings: dict[str, Any]) -> dict[str, Split]:
    """The splits train and test, by name. Of the user's own files no more than one piece is ever in memory.

    ``settings`` is the dataset's entry in config/datasets.yaml. Raises `LacunaError` where a file is missing or
    altered, and where the images are not what the entry says. An image that cannot be read raises it when its piece is
    read.
    """
    source = settings["source"]
    where = f"config/datasets.yaml, key {name}"
    if source["kind"] in OWN_KINDS:
        listed = both_splits(source, settings["classes"])
        refuse_counts(where, {split: [file.label for file in files] for split, files in listed.items()}, settings)
        read = {split: _read_later(files, settings) for split, files in listed.items()}
        if is_streamed(settings):
            read["train"] = replace(read["train"], entries=lambda: read_entries(listed["train"], settings))
        return read
    arrays = {split: _first(split, *part, source) for split, part in _arrays(source).items()}
    found = {split: _in_memory(f"{where}.{split}", *part, settings) for split, part in arrays.items()}
    refuse_counts(where, {split: part.labels.tolist() for split, part in found.items()}, settings)
    return found


def _first(split: str, images: np.ndarray, labels: np.ndarray, source: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of a split, as many of the first as the source says."""
    if (count := source.get("first", {}).get(split)) is None:
        return images, labels
    places = first_of_classes(labels.tolist(), count)
    return images[places], labels[places]


def _arrays(source: dict[str, Any]) -> Arrays:
    if source["kind"] == "torchvision":
        return read_arrays(source["name"])
    if source["kind"] == "photographs":
        return read_photographs(source["labels"])
    return _embedded(source)


def _read_later(files: list[ImageFile], settings: dict[str, Any]) -> Split:
    labels, image, resize = [file.label for file in files], settings["image"], settings["source"]["resize"]
    at_once = max(1, PIECE // prod(image))

    def pieces() -> Iterator[Tensor]:
        with unchanged(file.path for file in files):
            for start in range(0, len(files), at_once):
                part = files[start : start + at_once]
                yield _channels_first(np.stack([read_image(file.path, image, resize) for file in part]))

    blocks = keeps_jpeg_blocks(files, image)
    return Split((len(files), *image), torch.tensor(labels), pieces, order_digest(files), blocks)


def _in_memory(where: str, images: np.ndarray, labels: np.ndarray, settings: dict[str, Any]) -> Split:
    """A split of images (N, H, W) or (N, H, W, C), the shapes of official files."""
    channels = {3: (1, *images.shape[1:]), 4: (*images.shape[3:], *images.shape[1:3])}
    shape = (*images.shape[:1], *channels.get(images.ndim, images.shape[1:]))
    _refuse_misfit(where, shape, images.dtype, labels, settings)
    return Split(shape, torch.from_numpy(labels.astype(np.int64)), lambda: iter([_channels_first(images)]))


def _embedded(source: dict[str, Any]) -> Arrays:
    """The arrays of the file in the repository. The configuration states the file's sha256."""
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


def source_digests(source: dict[str, Any]) -> dict[str, str]:
    """sha256 of the files that say what a dataset is, by name; of photographs the sha256 of their pixels.

    There are none for a folder of images.
    """
    if source["kind"] == "photographs":
        return photograph_digests()
    if source["kind"] == "torchvision":
        return {line["file"]: line["sha256"] for line in registry_lines(source["name"])}
    if source["kind"] == "partitions":
        return {str(partitions_path(source)): sha256(partitions_path(source))}
    return {source["file"]: source["sha256"]} if source["kind"] == "embedded" else {}


def _channels_first(images: np.ndarray) -> Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(images))
    return (pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)).contiguous()


def _refuse_misfit(
    where: str, found: tuple[int, ...], dtype: Any, labels: np.ndarray, settings: dict[str, Any]
) -> None:
    """Raises `LacunaError` where the shape of the images, their type or the labels are not those of the entry."""
    if found[1:] != (wanted := tuple(settings["image"])) or dtype != np.uint8:
        raise LacunaError(f"{where}: images are {dtype} {found[1:]}; stated: uint8 {wanted}")
    whole = labels.shape == found[:1] and labels.dtype.kind in "iu"
    if not whole or labels.min() < 0 or labels.max() >= class_count(settings):
        raise LacunaError(f"{where}: labels do not fit its {class_count(settings)} classes")
