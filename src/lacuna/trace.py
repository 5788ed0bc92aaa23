"""``python -m lacuna.trace DIGITS``: everything behind a cell, from its ``provenance`` digits down to the data."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lacuna.artefacts import provenance_digest, provenance_path, sha256
from lacuna.errors import LacunaError


def find(digits: str, results: Path) -> str:
    """The artefact below ``results`` whose provenance has these first digits. Raises `LacunaError` if none has."""
    for path in sorted(results.glob("**/*.prov.json")):
        artefact = str(path).removesuffix(".prov.json")
        if provenance_digest(artefact).startswith(digits):
            return artefact
    raise LacunaError(
        f"no artefact below {results}/ has provenance {digits}; it was made elsewhere or made again since"
    )


def chain(artefact: str, depth: int = 0) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The artefact and, depth first, every artefact it was made from, with their provenance (empty for plain files)."""
    path = provenance_path(artefact)
    provenance = json.loads(path.read_text()) if path.exists() else {}
    yield depth, artefact, provenance
    for name in provenance.get("stable", {}).get("inputs", {}):
        yield from chain(name, depth + 1)


def describe(artefact: str) -> Iterator[str]:
    """One block of lines per artefact of the chain, each artefact once; files whose bytes changed are named."""
    seen: set[str] = set()
    for depth, name, provenance in chain(artefact):
        indent = "  " * depth
        if name in seen:
            yield f"{indent}{name} (above)"
            continue
        seen.add(name)
        yield from (indent + line for line in _block(name, provenance))


def _block(name: str, provenance: dict[str, Any]) -> Iterator[str]:
    digest = sha256(name)
    if not provenance:
        yield f"{name}  sha256 {digest[:16]}"
        return
    stable, volatile = provenance["stable"], provenance["volatile"]
    state = "as made" if digest == stable["sha256"] else "CHANGED SINCE IT WAS MADE"
    dirty = " with uncommitted changes" if volatile["dirty"] else ""
    yield f"{name}  sha256 {digest[:16]}, {state}"
    yield f"    settings {stable['settings_digest'][:16]}: {json.dumps(_short(stable['settings']), sort_keys=True)}"
    versions = ", ".join(f"{name} {number}" for name, number in sorted(stable["versions"].items()))
    yield f"    commit {str(volatile['commit'])[:12]}{dirty}, {volatile['seconds']} s on {volatile['host']}; {versions}"


def _short(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without the parts that the artefact's own inputs show again."""
    return {key: value for key, value in settings.items() if key not in ("cells", "network", "networks", "classes")}


if __name__ == "__main__":
    try:
        print("\n".join(describe(find(sys.argv[1], Path("results")))))
    except LacunaError as error:
        sys.exit(f"error: {error}")
