"""The files behind what was built: whether each is what the plan wants, and what its record says."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lacuna.files.artefacts import provenance_path, text_digest
from lacuna.plan.inventory import without_repeats
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Artefact
from lacuna.versioning.findings import examine, find_other_code, recorded_artefact

PROBLEMS = ("tampered", "stale", "missing")  # the worst first
EMPTY: dict[str, Any] = {"stable": {}, "volatile": {}}


def figure_artefacts(plan: Plan, figure: str) -> list[Artefact]:
    """All that a figure is drawn from. A file that the plan cannot place is taken as its own record describes it."""
    return without_repeats(artefact for path in plan.inventory.made_from(figure) for artefact in _chain(plan, path))


def claims_artefacts(plan: Plan, paper: str) -> list[Artefact]:
    """All that the verdicts on a paper's claims rest on. The verdicts are the last."""
    return without_repeats([*plan.inventory.artefacts(*plan.lookup.tables_of(paper)), plan.inventory.claims(paper)])


def _chain(plan: Plan, path: str) -> list[Artefact]:
    try:
        return plan.inventory.chain(path)
    except KeyError:
        return [recorded_artefact(path)]


class FileFindings:
    """The findings on every file that the plan's exhibits and claims rest on, and their records."""

    def __init__(self, plan: Plan) -> None:
        figures = [artefact for figure in plan.lookup.figures for artefact in figure_artefacts(plan, figure)]
        claims = [plan.inventory.claims(paper) for paper in plan.lookup.claimed]
        self.findings = {
            finding.path: finding
            for finding in examine(without_repeats([*plan.inventory.artefacts(), *figures, *claims]))
        }
        self.records = {path: _record(path) for path, finding in self.findings.items() if self.here(path)}
        self.by_digits = {_digits(record): path for path, record in self.records.items() if record["stable"]}
        self._other_code = find_other_code(self.findings.values())

    def here(self, path: str) -> bool:
        """Whether an artefact of the plan exists, whatever its state."""
        return self.findings[path].state != "absent"

    def state(self, path: str) -> str:
        """``agrees``, ``unconfirmed`` (something that the file was made from is wrong), or one of `PROBLEMS`."""
        finding = self.findings[path]
        if finding.state == "absent" or not provenance_path(path).is_file():
            return "missing"
        if finding.state != "disagrees":
            return str(finding.state)
        return "tampered" if finding.tampered else "stale"

    def problems(self, paths: Iterable[str]) -> list[dict[str, str]]:
        """What is wrong with these files: path, state and one sentence each."""
        return [
            {"path": path, "state": self.state(path), "why": self.why(path)}
            for path in paths
            if self.state(path) in PROBLEMS
        ]

    def why(self, path: str) -> str:
        """One sentence on what is wrong with a file; empty where nothing is wrong."""
        finding = self.findings[path]
        if finding.state == "absent":
            return finding.why or f"{path} is not here, though something that was made from it is"
        return finding.why

    def describe(self, path: str) -> dict[str, Any]:
        """What the report says of an artefact: its state, and all that its record holds."""
        record = self.records.get(path, EMPTY)
        stable, volatile = record["stable"], record["volatile"]
        return {
            "path": path,
            "stage": self.findings[path].artefact.stage,
            "state": self.state(path),
            "why": self.why(path) if self.state(path) in PROBLEMS else "",
            "size": self.findings[path].size,
            "provenance": _digits(record) if stable else None,
            **{key: _text(stable.get(key)) for key in ("sha256", "settings_digest")},
            **{key: json_value(_mapping(stable.get(key))) for key in ("settings", "facts")},
            **{key: {name: str(v) for name, v in _mapping(stable.get(key)).items()} for key in ("inputs", "versions")},
            "made": json_value({key: value for key, value in volatile.items() if key != "code"}),
            "other_code": [module for module, made in sorted(self._other_code.items()) if path in made],
        }


def _record(path: str) -> dict[str, Any]:
    """An artefact's provenance; empty parts where `examine` has reported that it cannot be read."""
    try:
        content = json.loads(provenance_path(path).read_text())
        return {part: dict(content[part]) for part in ("stable", "volatile")}
    except (OSError, KeyError, TypeError, ValueError):
        return EMPTY


def json_value(value: Any) -> Any:
    """A value of a table or a record as JSON can hold it: numbers that are not finite become None, at any depth."""
    if isinstance(value, dict):
        return {str(key): json_value(part) for key, part in value.items()}
    if isinstance(value, list):
        return [json_value(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _mapping(value: Any) -> dict[str, Any]:
    """A part of a record; empty where it is no mapping, since a record of others may hold anything."""
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _digits(record: dict[str, Any]) -> str:
    """The digits of `lacuna.files.artefacts.provenance_digest`, from a record that was read already."""
    return text_digest(json.dumps(record["stable"], sort_keys=True))[:16]


def worst_state(problems: Sequence[dict[str, str]]) -> str:
    """The worst state among problems; ``built`` where there is no problem."""
    return next((state for state in PROBLEMS if any(p["state"] == state for p in problems)), "built")


def rendering_problems(texts: dict[str, str]) -> list[dict[str, str]]:
    """Problems of renderings. These have no record: ``texts`` maps each path to the text that the file must have."""
    wrong = [path for path, text in texts.items() if Path(path).is_file() and Path(path).read_bytes() != text.encode()]
    why = "is not what its cells give: it was edited, or written by other code"
    return [{"path": path, "state": "stale", "why": f"{path} {why}"} for path in wrong]


def copy_problems(originals: dict[str, str]) -> list[dict[str, str]]:
    """Problems of published copies. ``originals`` maps each copy to the file that it was made from."""
    both = [(Path(copy), Path(file)) for copy, file in originals.items() if Path(copy).is_file()]
    return [_other_than(copy, file) for copy, file in both if file.is_file() and copy.read_bytes() != file.read_bytes()]


def _other_than(copy: Path, file: Path) -> dict[str, str]:
    """The problem of a copy that differs from its original. If the copy is older, the original was made again since."""
    if copy.stat().st_mtime_ns < file.stat().st_mtime_ns:
        return {"path": str(copy), "state": "stale", "why": f"{copy} is older than {file}, which it was copied from"}
    return {"path": str(copy), "state": "tampered", "why": f"{copy} is not the copy of {file} that it should be"}
