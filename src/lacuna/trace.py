"""``python -m lacuna.trace DIGITS``: everything behind a cell, from its ``provenance`` digits down to the data."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lacuna.errors import LacunaError, without_controls
from lacuna.files.artefacts import find_files, provenance_digest, provenance_path, read_record, sha256
from lacuna.files.records import OLDER, RecordContent
from lacuna.jobs.commands import command


def find_artefact(digits: str, results: Path) -> str:
    """The artefact below ``results`` whose provenance has these first digits. Raises `LacunaError` without one."""
    if len(digits) < 6:
        raise LacunaError(f"'{digits}' is too short; allowed: at least 6 digits of a cell's provenance")
    for path in find_files(results, ".prov.json"):
        artefact = str(path).removesuffix(".prov.json")
        try:
            if provenance_digest(artefact).startswith(digits):
                return artefact
        except LacunaError as error:
            print(f"passed over: {error}", file=sys.stderr)
    raise LacunaError(
        f"no artefact below {results}/ has provenance {digits}; it was made elsewhere or made again since"
    )


def describe_artefact(
    artefact: str, depth: int = 0, seen: set[str] | None = None, held: str | None = None
) -> Iterator[str]:
    """Lines about the artefact and, indented below, about all that it was made from.

    An artefact in ``seen`` is only named. Files that are gone, files whose bytes are not those that were recorded, and
    records that are not as they were written, or not of the digest ``held`` by what was made from them, are marked in
    capitals.
    """
    seen = set() if seen is None else seen
    indent = "  " * depth
    if artefact in seen:
        yield f"{indent}{artefact} (above)"
        return
    seen.add(artefact)
    record, wrong = _record(artefact)
    if record and held not in (None, record.digest):
        wrong = "ITS RECORD IS NOT THE ONE THAT WAS READ"
    yield from (indent + line for line in _block(artefact, record, wrong))
    if record:
        records = record.stable.get("records", {})
        for name in record.stable["inputs"]:
            yield from describe_artefact(name, depth + 1, seen, records.get(name))


def _record(artefact: str) -> tuple[RecordContent | None, str]:
    """The record of an artefact, and what is wrong with it; neither for a file that has none."""
    try:
        return (read_record(artefact), "") if os.path.lexists(provenance_path(artefact)) else (None, "")
    except LacunaError as error:
        return None, f"ITS RECORD CANNOT BE TRUSTED: {error}"


def _block(name: str, record: RecordContent | None, wrong: str) -> Iterator[str]:
    digest = sha256(name) if Path(name).is_file() else None
    shown = f"sha256 {digest[:16]}" if digest else "GONE"
    if record is None:
        yield f"{name}  {shown}{wrong and f', {wrong}'}"
        return
    stable, made = record.stable, record.volatile
    state = "as made" if digest == stable["sha256"] else "CHANGED SINCE IT WAS MADE"
    older = ", record of the older format" if record.format == OLDER else ""
    yield f"{name}  {shown}, {state}{older}{wrong and f', {wrong}'}"
    settings = json.dumps(shorten_settings(stable.get("settings")), sort_keys=True)
    yield f"    settings {stable['settings_digest'][:16]}: {settings}"
    versions = ", ".join(f"{key} {value}" for key, value in sorted(stable["versions"].items()))
    dirty = " with uncommitted changes" if made.get("dirty") else ""
    where = f"{made.get('seconds')} s on {made.get('host')}"
    yield f"    commit {str(made.get('commit'))[:12]}{dirty}, {where}; {versions}"


def shorten_settings(settings: Any) -> Any:
    """Settings without the parts that the artefact's inputs show again."""
    if not isinstance(settings, dict):
        return settings
    return {
        key: value
        for key, value in settings.items()
        if key not in ("cells", "classes", "network", "networks", "outcomes")
    }


if __name__ == "__main__":
    with command():
        for line in describe_artefact(find_artefact("".join(sys.argv[1:2]), Path("results"))):
            print(without_controls(line))
