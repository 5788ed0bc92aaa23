"""A dataset's entry: what must agree in it, and what cannot be so. No torch here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lacuna.config.masks import COLOURS, check_masks
from lacuna.data.classes import class_count
from lacuna.data.own_paths import OWN_KINDS
from lacuna.data.streamed import is_streamed
from lacuna.errors import LacunaError
from lacuna.language.architectures import QUARTER
from lacuna.language.methods import Images

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class DatasetSize:
    """What a dataset that is fetched, or is part of a library, is: nothing in its entry can change it."""

    image: tuple[int, int, int]
    classes: int
    train: int
    test: int


PUBLISHED = {
    "CIFAR10": DatasetSize((3, 32, 32), 10, 50_000, 10_000),
    "MNIST": DatasetSize((1, 28, 28), 10, 60_000, 10_000),
    "FashionMNIST": DatasetSize((1, 28, 28), 10, 60_000, 10_000),
    "STL10": DatasetSize((3, 96, 96), 10, 5_000, 8_000),
    "photographs": DatasetSize((3, 224, 224), 1000, 8, 32),
}
FIRST = "first "  # before a number of images, where a dataset has more
SMALLEST_QUARTERED = 32  # pixels of a side: a quarter stem and three strides of 2 leave one of 32
FILES = (1, 3)  # channels that image files are read with: grey, or red, green and blue
SHARPEST, FLATTEST = 0.001, 1  # standard deviations: pixels in [0, 1] that differ have more than a quarter of a level


def with_limits(datasets: Mapping[str, Entry]) -> dict[str, Entry]:
    """Datasets in which ``test: first 200`` is the number 200, and the source knows that it gives the first ones."""
    return {name: _limited(dataset) for name, dataset in datasets.items()}


def _limited(dataset: Entry) -> Entry:
    asked = {split: dataset[split] for split in ("train", "test")}
    first = {split: int(text.removeprefix(FIRST)) for split, text in asked.items() if isinstance(text, str)}
    return {**dataset, **first, "source": {**dataset["source"], "first": first}} if first else dataset


def images_of(dataset: Entry) -> Images:
    """A dataset's images as budgets and networks meet them."""
    channels, side, _ = dataset["image"]
    return Images(channels, side, class_count(dataset))


def check_datasets(file: str, datasets: Mapping[str, Entry]) -> None:
    """What must agree: square images, one mean and std per channel, one folder per class, named classes for a CSV."""
    for name, dataset in datasets.items():
        where, (channels, height, width) = f"{file}, key {name}", dataset["image"]
        if height != width:
            raise LacunaError(f"{where}.image: {dataset['image']} is not allowed; allowed: a square")
        _check_published(where, dataset)
        if dataset.get("stem") == QUARTER and height < SMALLEST_QUARTERED:
            allowed = f"whole, or images of {SMALLEST_QUARTERED} x {SMALLEST_QUARTERED} or more"
            raise LacunaError(f"{where}.stem: {QUARTER} is not allowed for {dataset['image']}; allowed: {allowed}")
        if dataset["source"]["kind"] in OWN_KINDS and channels not in FILES:
            raise LacunaError(f"{where}.image: {channels} channels are not allowed; allowed: 1 or 3, as files have")
        check_normalisation(f"{where}.normalisation", dataset["normalisation"], (channels,))
        _check_streamed(where, dataset)
        _check_classes(where, dataset)
        _check_places(where, dataset)
        _check_counts(where, dataset)
        check_masks(file, name, dataset)
        _check_network_input(where, dataset)


def _check_streamed(where: str, dataset: Entry) -> None:
    """What would need a pass over all images is stated."""
    if is_streamed(dataset) and "mean" not in dataset["normalisation"]:
        given = f"kind: {dataset['normalisation']['kind']} without mean and std is not allowed with source.stream"
        raise LacunaError(f"{where}.normalisation: {given}; allowed: kind: channel with mean and std")


def _check_published(where: str, dataset: Entry) -> None:
    source = dataset["source"]
    published = PUBLISHED.get(source.get("name", source["kind"]))
    if published is None:
        return
    entry = {key: dataset[key] for key in ("train", "test")}
    found = DatasetSize(tuple(dataset["image"]), class_count(dataset), **entry)
    limited = source.get("first", {})
    for key, value in vars(published).items():
        stated = getattr(found, key)
        if stated > value if key in limited else stated != value:
            shown = [list(x) if isinstance(x, tuple) else x for x in (stated, value)]
            raise LacunaError(f"{where}.{key}: {shown[0]} is not allowed; allowed: {shown[1]}, as it is published")


def check_normalisation(where: str, entry: Entry, lengths: Sequence[int]) -> None:
    """Mean and standard deviation of pixels in [0, 1]: of one of these ``lengths``, and of that range.

    Raises `LacunaError` with what the numbers are for pixels in [0, 1] where they look like those for 0 to 255.
    """
    for key, lowest, highest in (("mean", 0, 1), ("std", SHARPEST, FLATTEST)):
        values = entry.get(key)
        if values is None:
            continue
        if len(values) not in lengths:
            one = "one number above 0 per channel" if len(lengths) == 1 else "one number, or one per channel"
            raise LacunaError(f"{where}.{key}: {values} is not allowed; allowed: {one} ({lengths[-1]})")
        if not all(lowest <= value <= highest for value in values):
            of_bytes = [round(value / 255, 4) for value in values]
            hint = f"; of 0 to 255 write {of_bytes}" if max(values) > 1 and max(of_bytes) <= highest else ""
            allowed = f"{lowest} to {highest}, since pixels lie in [0, 1]{hint}"
            raise LacunaError(f"{where}.{key}: {values} is not allowed; allowed: {allowed}")


def _check_classes(where: str, dataset: Entry) -> None:
    source, classes = dataset["source"], dataset["classes"]
    if source["kind"] == "partitions" and isinstance(classes, int):
        raise LacunaError(f"{where}.classes: {classes} is not allowed; allowed: the names that stand in the CSV file")
    if "indices" in dataset and len(dataset["indices"]) != class_count(dataset):
        given = f"{len(dataset['indices'])} for {class_count(dataset)} classes are not allowed"
        raise LacunaError(f"{where}.indices: {given}; allowed: one index for each class")
    if "folders" in source and (isinstance(classes, int) or len(classes) != len(source["folders"])):
        raise LacunaError(f"{where}.source.folders does not go with its classes; allowed: one folder per named class")


def _check_places(where: str, dataset: Entry) -> None:
    """Folders and files of a dataset of the user's own lie below its path; a class has one folder."""
    source, classes = dataset["source"], dataset["classes"]
    if source["kind"] not in OWN_KINDS:
        return
    for key in ("train", "test") if source["kind"] == "folder" else ("images", "partitions"):
        if Path(source[key]).is_absolute() or ".." in Path(source[key]).parts:
            raise LacunaError(f"{where}.source.{key}: '{source[key]}' is not allowed; allowed: a place below path")
    counted = source["kind"] == "partitions" or isinstance(classes, int)
    key, names = (
        ("source.folders", source["folders"]) if "folders" in source else ("classes", () if counted else classes)
    )
    if wrong := [name for name in names if name in ("", ".", "..") or {*name} & {"/", "\0"}]:
        raise LacunaError(f"{where}.{key}: '{wrong[0]}' is not allowed; allowed: the name of a folder")


def _check_counts(where: str, dataset: Entry) -> None:
    """Images of every class in both splits."""
    if dataset.get("train_at_least", 1) > dataset["train"]:
        raise LacunaError(f"{where}.train_at_least is above train; allowed: at most {dataset['train']}")
    classes = 1 if "labels" in dataset["source"] else class_count(dataset)
    for key in ("train", "train_at_least", "test"):
        if dataset.get(key, classes) < classes:
            allowed = f"allowed: at least {classes}, one for each class"
            raise LacunaError(f"{where}.{key}: {dataset[key]} is not allowed; {allowed}")


def _check_network_input(where: str, dataset: Entry) -> None:
    """What a network that finds the foreground subtracts and divides by, where the entry states it."""
    masks = dataset.get("foreground", {}).get("masks", {})
    if "mean" in masks:
        check_normalisation(f"{where}.foreground.masks", masks, (COLOURS,))
