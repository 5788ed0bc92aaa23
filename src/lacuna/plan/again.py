"""What a run would make again of what is finished, where code or settings changed since: said before it starts."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lacuna.files.artefacts import provenance_path, text_digest
from lacuna.files.digests import changed_files
from lacuna.jobs.progress import clock
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Artefact

SHOWN = 3  # names in the sentence


@dataclass
class Again:
    """Finished files that would be made again: which, the seconds that they took, and what changed."""

    paths: set[str] = field(default_factory=set)
    seconds: float = 0
    modules: set[str] = field(default_factory=set)
    settings: set[str] = field(default_factory=set)

    @property
    def files(self) -> int:
        """How many they are."""
        return len(self.paths)

    def __str__(self) -> str:
        """One sentence; empty where nothing is made again."""
        if not self.files:
            return ""
        named = sorted(self.modules) + [f"the settings of {stage}" for stage in sorted(self.settings)]
        more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        took = f"{self.files} finished file{'s' * (self.files != 1)}, which took {clock(self.seconds)}"
        reason = f"since {', '.join(named[:SHOWN])}{more} changed"
        return f"Made again: {took}, {reason}; docs/operations.md says how to keep them."


def made_again(plan: Plan, exhibits: Iterable[str], changed: Mapping[str, list[str]]) -> Again:
    """What exhibits have finished and would make again; of all where none is named.

    ``changed`` are the parts of the code that changed, by name, with their modules. A file whose record cannot be read
    counts as unchanged: the job that reads it says what is wrong.
    """
    again = Again()
    for artefact in plan.inventory.artefacts(*exhibits):
        if not Path(artefact.path).is_file():
            continue
        record = _record(artefact.path)
        stage = plan.stages[artefact.stage]
        parts = set(stage.code(**artefact.wildcards)) & changed.keys()
        other = _has_other_settings(artefact, record)
        if parts or other or again.paths & {*artefact.inputs}:
            again.paths.add(artefact.path)
            again.seconds += _seconds(record) * (artefact.output == next(iter(stage.outputs)))  # once for a job
            again.modules |= {module for part in parts for module in changed[part]}
            again.settings |= {artefact.stage} if other else set()
    return again


def changed_code(plan: Plan, root: Path) -> dict[str, list[str]]:
    """The parts of the code that are not as when the last run was planned, with their modules; writes nothing."""
    parts = {part.name: changed_files(part.digests, part.files(root)) for part in plan.code.values()}
    return {name: modules for name, modules in parts.items() if modules}


def _record(path: str) -> dict[str, Any]:
    """The record of a file as it stands, empty where there is none that can be read."""
    with suppress(OSError, ValueError, RecursionError):
        content = json.loads(provenance_path(path).read_text())
        return content if isinstance(content, dict) else {}
    return {}


def _has_other_settings(artefact: Artefact, record: Mapping[str, Any]) -> bool:
    with suppress(KeyError, TypeError):
        return bool(record["stable"]["settings_digest"] != text_digest(artefact.settings))
    return False


def _seconds(record: Mapping[str, Any]) -> float:
    """What a file took, as its record says; 0 where it does not."""
    with suppress(KeyError, TypeError, ValueError):
        return float(record["volatile"]["seconds"])
    return 0
