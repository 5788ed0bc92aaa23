"""What was published: copies of files below results/ where a user looks for them, and a note of each with a record.

A note is a JSON file: ``format``, the ``scale``, what was published (``name``), and for each copy its ``sha256`` and
its ``original``, which is empty for a report that is written where a user looks for it.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lacuna.errors import LacunaError, TamperedError
from lacuna.files.artefacts import (
    Record,
    atomic_path,
    provenance_path,
    read_record,
    refuse_other_bytes,
    sha256,
    verify,
    write_text,
)
from lacuna.files.copies import planned_path

FORMAT = 1  # of notes
STAGE = "publish"


@dataclass(frozen=True)
class Copy:
    """A published file: the sha256 of its bytes, and what it is a copy of."""

    sha256: str
    original: str


@dataclass(frozen=True)
class Publication:
    """What a note says: the copies by their paths; ``inputs`` are the sha256 of what its record says they are of."""

    scale: str
    name: str
    copies: Mapping[str, Copy]
    inputs: Mapping[str, str] = field(default_factory=dict)


def publish(note: str, scale: str, name: str, originals: Mapping[str, str]) -> None:
    """Copies the originals, which are by the paths of their copies, and writes the note of it.

    Raises `LacunaError` where an original that has a record is not as it was made, or changes meanwhile.
    """
    record = Record(STAGE, _settings(scale, name), [*originals.values()])
    for copy, original in originals.items():
        if provenance_path(original).exists():
            verify(original)
        with atomic_path(copy) as temporary:
            shutil.copyfile(original, temporary)
            if sha256(temporary) != record.digests[planned_path(original)]:
                raise LacunaError(f"{original} was written while it was copied to {copy}; run again")
    planned = {_shown(copy): planned_path(original) for copy, original in originals.items()}
    _write(note, record, Publication(scale, name, {c: Copy(record.digests[o], o) for c, o in planned.items()}))


def note_report(note: str, scale: str, name: str, files: list[str], made_from: Sequence[str] = ()) -> None:
    """Writes the note of files that were written where a user looks for them, and of what they were made from."""
    record = Record(STAGE, _settings(scale, name), [*made_from])
    _write(note, record, Publication(scale, name, {file: Copy(sha256(file), "") for file in files}))


def read_publication(note: str) -> Publication:
    """What a note says. Raises `LacunaError` where it is not as it was written, or is no note."""
    record = read_record(note)
    refuse_other_bytes(note, record)
    try:
        content = json.loads(Path(note).read_text(encoding="utf-8"))
        copies = {str(path): Copy(str(one["sha256"]), str(one["original"])) for path, one in content["copies"].items()}
        found = Publication(content["scale"], content["name"], copies, record.stable["inputs"])
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise TamperedError(f"{note} is no note of what was published; publish that again") from None
    settings = json.loads(_settings(found.scale, found.name))
    if (record.stable["artefact"], record.stable["stage"], record.stable["settings"]) != (note, STAGE, settings):
        raise TamperedError(f"{note} has the record of another file; publish that again")
    return found


def _shown(copy: str) -> str:
    """Folder and name of a copy, which may lie below a storage provider's folder."""
    return "/".join(Path(copy).parts[-2:])


def _settings(scale: str, name: str) -> str:
    return json.dumps({"name": name, "scale": scale}, sort_keys=True, separators=(",", ":"))


def _write(note: str, record: Record, said: Publication) -> None:
    copies = {path: vars(copy) for path, copy in said.copies.items()}
    content = {"format": FORMAT, "scale": said.scale, "name": said.name, "copies": copies}
    write_text(note, json.dumps(content, indent=1, sort_keys=True) + "\n")
    record.write(note)
