"""Reads a crate as a run to compare with: its cells, what they count, and its training seeds."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jsonschema import Draft202012Validator

from lacuna.crates.check import check, read_crate
from lacuna.errors import LacunaError
from lacuna.files.artefacts import CSV_OPTIONS
from lacuna.files.contents import REPEATED
from lacuna.files.escapes import from_csv
from lacuna.language.codes import Origin
from lacuna.numbers.statistics import Array

FORMATS = (1,)  # of crate.json that can be read
ABOUT = {
    "type": "object",
    "properties": {
        "format": {"type": "integer"},
        "scale": {"type": "string"},
        "seed": {"type": "integer", "minimum": 0, "maximum": 10**9},
        "seeds": {"type": "integer", "minimum": 1, "maximum": 1000},
    },
    "required": ["format", "scale", "seed", "seeds"],
}
DAMAGE = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
TEST = "/dataset/test.safetensors"


@dataclass(frozen=True)
class CrateTable:
    """A table of a crate: its cells, the settings that say what they count, and the sha256 of its test images."""

    name: str
    cells: pd.DataFrame
    settings: Mapping[str, Any]
    images: str
    held: Mapping[str, bytes]

    def load(self, folder: str, origin: Origin) -> pd.DataFrame:
        """The outcomes or measures of an origin."""
        said = {
            (one["folder"], *(one[key] for key in Origin._fields)): one["path"] for one in self.settings["outcomes"]
        }
        frame = _csv(self.held[f"files/{said[(folder, *origin)]}.csv"])
        if frame.duplicated(["attack", "source", "image"]).any():
            raise ValueError(f"an image stands twice in {said[(folder, *origin)]}")
        answers = {name: frame[name].map(_whole_numbers) for name in REPEATED.values() if name in frame}
        return frame.assign(source=frame["source"].astype(object).fillna(""), **answers)


@dataclass(frozen=True)
class CrateRun:
    """A crate as a run: the seeds of its trainings, and its tables."""

    seeds: range
    tables: list[CrateTable]


@contextmanager
def in_one_sentence(place: str) -> Iterator[None]:
    """Whatever a stranger's crate holds in place of what it should hold is said as a `LacunaError`."""
    try:
        yield
    except DAMAGE as error:
        said = f"{type(error).__name__}: {error}"[:200]
        raise LacunaError(f"--config baseline: {place} cannot be compared with ({said}); get it again") from None


def is_crate(place: str) -> bool:
    """Whether a baseline is a crate, or the folder that one was unpacked into."""
    return place.lower().endswith(".zip") or Path(place, "crate.json").is_file()


def read_run(place: str, scale: str) -> CrateRun:
    """The run that a crate is of.

    Raises `LacunaError` for a crate that is damaged, has no cells, is of another scale or format, or is none.
    """
    with in_one_sentence(place):
        return _read_run(place, scale)


def _read_run(place: str, scale: str) -> CrateRun:
    wrong, answer = check(place)
    if wrong:
        raise LacunaError(f"--config baseline: {place} is no sound crate: {answer}; get it again")
    held = read_crate(place)
    about = json.loads(held["crate.json"])
    if error := next(Draft202012Validator(ABOUT).iter_errors(about), None):
        raise LacunaError(f"{place}: crate.json, {error.json_path}: {error.message[:200]}; get it again")
    if about["format"] not in FORMATS:
        raise LacunaError(f"{place} has format {about['format']}; allowed: {', '.join(map(str, FORMATS))}")
    if about["scale"] != scale:
        raise LacunaError(f"{place} is of scale {about['scale']}; allowed: {scale}, which --config scale chooses")
    records = {name[8:-10]: json.loads(held[name])["stable"] for name in sorted(held) if name.startswith("records/")}
    tables = [_table(name, held, records) for name, stable in records.items() if stable["stage"] == "cells"]
    if not tables:
        raise LacunaError(f"{place} has no cells; allowed: a crate of a table, or of a whole paper")
    return CrateRun(range(about["seed"], about["seed"] + about["seeds"]), tables)


def _table(name: str, held: Mapping[str, bytes], records: Mapping[str, Any]) -> CrateTable:
    settings = records[name]["settings"]
    counted = [records[one["path"]]["inputs"].items() for one in settings["outcomes"]]
    tested = {digest for inputs in counted for path, digest in inputs if path.endswith(TEST)}
    return CrateTable(name, _csv(held[f"files/{name}"]), settings, ", ".join(sorted(tested)), held)


def _whole_numbers(text: str) -> Array:
    """The answers about one image."""
    return np.array(text.split(), dtype=int)


def _csv(content: bytes) -> pd.DataFrame:
    return from_csv(pd.read_csv(io.BytesIO(content), **CSV_OPTIONS))
