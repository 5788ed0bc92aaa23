"""Which files below results/ came from elsewhere: a note of what was pulled or taken, with the record that came along.

A file of which no note speaks, or whose record is another one by now, was made in this checkout. The note says where
files came from and is no evidence of it: who may write below results/ may write it.
"""

import json
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from lacuna.errors import LacunaError
from lacuna.files.artefacts import provenance_path, sha256, write_text

PULLED, TAKEN = "pulled", "taken"
FORMAT = 1  # of notes


class Origin(NamedTuple):
    """How a file came (`PULLED` or `TAKEN`), from where (a remote's name, a folder), and the sha256 of its record."""

    how: str
    where: str
    record: str


def note_path(scale: str) -> Path:
    """The note of a scale."""
    return Path("results", scale, "origins.json")


def note_origins(scale: str, how: str, where: str, paths: Iterable[str]) -> None:
    """Adds files, which are here with their records, to the note of a scale."""
    new = {path: Origin(how, where, sha256(provenance_path(path))) for path in paths}
    if new:
        files = {path: origin._asdict() for path, origin in sorted({**_noted(scale), **new}.items())}
        write_text(str(note_path(scale)), json.dumps({"format": FORMAT, "files": files}, indent=1) + "\n")


def read_origins(scale: str, among: Container[str]) -> dict[str, Origin]:
    """The files ``among`` some that came from elsewhere and were not made again since, by path."""
    return {path: origin for path, origin in _noted(scale).items() if path in among and _is_the_one(path, origin)}


def _is_the_one(path: str, origin: Origin) -> bool:
    record = provenance_path(path)
    return record.is_file() and sha256(record) == origin.record


def _noted(scale: str) -> Mapping[str, Origin]:
    note = note_path(scale)
    if not note.is_file():
        return {}
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        stated = content["format"]
        found = {str(path): Origin(**one) for path, one in content["files"].items()}
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise LacunaError(f"{note} is no note of where files came from; delete it, and pull or take again") from None
    if stated != FORMAT:
        raise LacunaError(f"{note} has format {stated}; allowed: {FORMAT}, which this version of lacuna reads")
    return found
