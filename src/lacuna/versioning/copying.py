"""Copies artefacts, each with its provenance, from another folder of results; what lies here already is left alone."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lacuna.errors import LacunaError
from lacuna.files.artefacts import atomic_path, provenance_path, sha256

RESULTS = "results/"


@dataclass(frozen=True)
class Copied:
    """Paths of artefacts: those that were copied now, those that lay here as they lie there, those that differ."""

    new: list[str]
    same: list[str]
    kept: list[str]


def find_results(folder: str, scale: str) -> Path:
    """The folder of results that was named: one with results of the scale, or a checkout with such a one.

    Raises `LacunaError` where there is none.
    """
    for place in (Path(folder), Path(folder, "results")):
        if (place / scale).is_dir():
            return place
    allowed = "allowed: a checkout, or its results/, in which the scale has files"
    raise LacunaError(f"FROM={folder} has no folder {scale} or results/{scale}; {allowed}")


def copy_results(source: Path, paths: Iterable[str]) -> Copied:
    """Copies artefacts to the same place below results/, where neither they nor their provenance lie yet.

    A link, a folder or a pipe in place of a file is no file. Raises `LacunaError` where a file cannot be read or
    written.
    """
    copied = Copied([], [], [])
    for path in paths:
        pair = {name: source / name.removeprefix(RESULTS) for name in file_pair(path)}
        there = {name: file for name, file in pair.items() if file.is_file() and not file.is_symlink()}
        if not there:
            continue
        if any(_lies(name) for name in pair):
            (copied.same if all(_equal(name, file) for name, file in there.items()) else copied.kept).append(path)
            continue
        for name, file in there.items():
            _copy(file, name)
        copied.new.append(path)
    return copied


def remove(paths: Iterable[str]) -> None:
    """Removes artefacts with their provenance; either may be absent."""
    for name in (name for path in paths for name in file_pair(path)):
        Path(name).unlink(missing_ok=True)


def file_pair(path: str) -> tuple[str, str]:
    """An artefact and its provenance."""
    return path, str(provenance_path(path))


def _lies(name: str) -> bool:
    return Path(name).exists() or Path(name).is_symlink()


def _equal(name: str, file: Path) -> bool:
    """Whether the file here is the one there, or has its bytes."""
    here = Path(name)
    return here.is_file() and (here.samefile(file) or sha256(here) == sha256(file))


def _copy(file: Path, name: str) -> None:
    try:
        with atomic_path(name) as temporary:
            shutil.copyfile(file, temporary)
    except OSError as error:
        raise LacunaError(f"{file} cannot be copied to {name} ({error.strerror})") from error
