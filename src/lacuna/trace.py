"""``python -m lacuna.trace DIGITS``: everything behind a cell, from its ``provenance`` digits down to the data."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lacuna.errors import LacunaError, without_controls
from lacuna.files.artefacts import find_files, provenance_digest, provenance_path, sha256
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


def describe_artefact(artefact: str, depth: int = 0, seen: set[str] | None = None) -> Iterator[str]:
    """Lines about the artefact and, indented below, about all that it was made from.

    An artefact in ``seen`` is only named. Files that are gone, and files whose bytes are not those that were recorded,
    are marked in capitals.
    """
    seen = set() if seen is None else seen
    indent = "  " * depth
    if artefact in seen:
        yield f"{indent}{artefact} (above)"
        return
    seen.add(artefact)
    path = provenance_path(artefact)
    provenance = json.loads(path.read_text()) if path.exists() else {}
    yield from (indent + line for line in _block(artefact, provenance))
    for name in provenance.get("stable", {}).get("inputs", {}):
        yield from describe_artefact(name, depth + 1, seen)


def _block(name: str, provenance: dict[str, Any]) -> Iterator[str]:
    digest = sha256(name) if Path(name).is_file() else None
    shown = f"sha256 {digest[:16]}" if digest else "GONE"
    if not provenance:
        yield f"{name}  {shown}"
        return
    stable, volatile = provenance["stable"], provenance["volatile"]
    state = "as made" if digest == stable["sha256"] else "CHANGED SINCE IT WAS MADE"
    dirty = " with uncommitted changes" if volatile["dirty"] else ""
    yield f"{name}  {shown}, {state}"
    settings = json.dumps(shorten_settings(stable["settings"]), sort_keys=True)
    yield f"    settings {stable['settings_digest'][:16]}: {settings}"
    versions = ", ".join(f"{key} {value}" for key, value in sorted(stable["versions"].items()))
    yield f"    commit {str(volatile['commit'])[:12]}{dirty}, {volatile['seconds']} s on {volatile['host']}; {versions}"


def shorten_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without the parts that the artefact's inputs show again."""
    return {
        key: value
        for key, value in settings.items()
        if key not in ("cells", "classes", "network", "networks", "outcomes")
    }


if __name__ == "__main__":
    with command():
        for line in describe_artefact(find_artefact("".join(sys.argv[1:2]), Path("results"))):
            print(without_controls(line))
