"""What all papers define together: a name of one may be used in every other. No torch here."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from lacuna.errors import LacunaError

LISTED = 40  # names that a sentence lists; of more it shows the closest
# What a paper's file defines for itself and for every other paper.
DEFINED = (
    *("tables", "figures", "datasets", "selections", "attacks", "suites"),
    *("networks", "ensembles", "trainings", "defenses"),
)


def known(file: str, key: str, name: str, allowed: Iterable[str]) -> None:
    """Raises `LacunaError` where a name is none of the allowed ones."""
    names = set(allowed)
    if name not in names:
        raise LacunaError(f"{file}, key {key}: '{name}' is not known; {_allowed(name, sorted(names))}")


def _allowed(name: str, names: list[str]) -> str:
    if len(names) <= LISTED:
        return f"allowed: {', '.join(names)}"
    close = get_close_matches(name, names, 5, 0)
    return f"closest of {len(names)} that are allowed: {', '.join(close)}"


@dataclass(frozen=True)
class Parts:
    """What all papers define, by kind and name, and the file in which each part stands, by both."""

    named: Mapping[str, Mapping[str, Any]]
    homes: Mapping[tuple[str, str], str]


def join_parts(contents: Mapping[str, Mapping[str, Any]]) -> Parts:
    """The parts of all papers, whose ``contents`` are by file.

    Raises `LacunaError` for a name that two of them define. A table may have a figure's name: its numbers.
    """
    named: dict[str, dict[str, Any]] = {kind: {} for kind in DEFINED}
    homes: dict[tuple[str, str], str] = {}
    for file, content in contents.items():
        for kind, name in [(part, name) for part in DEFINED for name in content[part]]:
            if (other := homes.setdefault((kind, name), file)) != file:
                raise LacunaError(f"{file}: {kind}.{name} is also defined in {other}; allowed: another name")
        for kind, parts in named.items():
            parts.update(content[kind])
    return Parts(named, homes)


def refuse_twice(file: str, key: str, names: list[Any]) -> None:
    """Raises `LacunaError` that names what a list has twice."""
    counts = Counter(names)
    for name in names:
        if counts[name] > 1:
            shown = name if isinstance(name, str) else " / ".join(name)
            raise LacunaError(f"{file}, key {key}: '{shown}' is in the list twice; allowed: once")
