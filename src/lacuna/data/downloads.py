"""Datasets that torchvision can fetch. Their files are verified against data/registry.csv before every use."""

import csv
import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from lacuna.errors import LacunaError
from lacuna.files.artefacts import atomic_path, sha256

DOWNLOADS = Path("results/downloads")
REGISTRY = Path("data/registry.csv")


def registry_lines(dataset: str) -> list[dict[str, str]]:
    """The registry's lines for one of torchvision's datasets, with the columns file, bytes, sha256, licence, source."""
    with REGISTRY.open(newline="", encoding="utf-8") as file:
        return [line for line in csv.DictReader(file) if line["dataset"] == dataset]


def read_arrays(dataset: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images and labels of the splits train and test, as torchvision holds them, from verified files.

    Raises `LacunaError` where a file is missing and cannot be fetched, or is not the published file.
    """
    from torchvision import datasets

    lines = registry_lines(dataset)
    missing = [line for line in lines if not _placed(line)]
    if missing:
        _fetch(getattr(datasets, dataset), missing)
    for line in lines:
        _verify(DOWNLOADS / line["file"], line)
    return {split: _read(getattr(datasets, dataset), split) for split in ("train", "test")}


def _read(dataset: Any, split: str) -> tuple[np.ndarray, np.ndarray]:
    """One split, channels last. Unlike other datasets of torchvision, STL10 has ``split``, and channels first."""
    if dataset.__name__ == "STL10":
        data = dataset(DOWNLOADS, split=split, download=True)
        return data.data.transpose(0, 2, 3, 1), data.labels
    data = dataset(DOWNLOADS, train=split == "train", download=True)
    return np.asarray(data.data), np.asarray(data.targets)


def _placed(line: dict[str, str]) -> bool:
    """Whether a file lies in results/downloads. A file that was put there compressed is unpacked first."""
    path = DOWNLOADS / line["file"]
    packed = path.with_name(path.name + ".gz")
    if not path.exists() and packed.exists():
        try:
            with gzip.open(packed) as file:
                content = file.read(int(line["bytes"]) + 1)  # no more than it should have, whatever it unpacks to
        except (OSError, EOFError, ValueError, zlib.error):
            raise LacunaError(f"{packed} is not a gzip file{_page(packed)}; put the published one there") from None
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    return path.exists()


def _fetch(dataset: Any, missing: list[dict[str, str]]) -> None:
    """Lets torchvision download the files; where that fails, removes whatever arrived."""
    try:
        dataset(DOWNLOADS, download=True)
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        files = ", ".join(line["file"] for line in missing)
        for line in missing:
            for path in (DOWNLOADS / line["file"], DOWNLOADS / f"{line['file']}.gz"):
                path.unlink(missing_ok=True)
        name, reason = missing[0]["dataset"], type(error).__name__
        raise LacunaError(
            f"{name}: {files} is not in {DOWNLOADS} and could not be fetched ({reason}); "
            f"put it there (.gz is unpacked), from {missing[0]['source']}"
        ) from None


def _verify(path: Path, line: dict[str, str]) -> None:
    size = path.stat().st_size
    if size != int(line["bytes"]):
        raise LacunaError(f"{path} has {size} bytes, the published file {line['bytes']}{_page(path)}; delete it")
    if sha256(path) != line["sha256"]:
        raise LacunaError(f"{path} is not the published file (its sha256 is not {line['sha256'][:16]}...); delete it")


def _page(path: Path) -> str:
    """A remark where a file is a web page, as failed downloads often are; else empty."""
    with path.open("rb") as file:
        return " (it is a web page)" if file.read(256).lstrip()[:1] == b"<" else ""
