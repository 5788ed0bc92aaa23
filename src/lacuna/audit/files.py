"""The files behind what was built: whether each is what the plan wants, and what its record says."""

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lacuna.audit.problems import STATES, Problem, problem
from lacuna.files.artefacts import provenance_path
from lacuna.files.records import RecordContent
from lacuna.plan.inventory import without_repeats
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Artefact
from lacuna.reporting.origins import without_origin
from lacuna.versioning.anchors import read_anchors
from lacuna.versioning.findings import examine, find_other_code, recorded_artefact

NOTHING = RecordContent({}, {})  # in place of a record that is not there, or that nobody can trust


def figure_artefacts(plan: Plan, figure: str) -> list[Artefact]:
    """All that a figure is drawn from. A file that the plan cannot place is taken as its own record describes it."""
    return without_repeats(artefact for path in plan.inventory.made_from(figure) for artefact in _chain(plan, path))


def claims_artefacts(plan: Plan, paper: str) -> list[Artefact]:
    """All that the verdicts on a paper's claims rest on. Verdicts and comparisons are the last."""
    return without_repeats([*plan.inventory.artefacts(*plan.lookup.tables_of(paper)), *plan.inventory.claims(paper)])


def _chain(plan: Plan, path: str) -> list[Artefact]:
    try:
        return plan.inventory.chain(path)
    except KeyError:
        return [recorded_artefact(path)]


class FileFindings:
    """The findings on every file that the plan's exhibits and claims rest on, and their records."""

    def __init__(self, plan: Plan) -> None:
        figures = [artefact for figure in plan.lookup.figures for artefact in figure_artefacts(plan, figure)]
        claims = [artefact for paper in plan.lookup.claimed for artefact in plan.inventory.claims(paper)]
        self.anchors = read_anchors(f"results/{plan.config.scale}")
        every = without_repeats([*plan.inventory.artefacts(), *figures, *claims])
        self.findings = {finding.path: finding for finding in examine(every, self.anchors)}
        records = {path: found.record for path, found in self.findings.items() if found.record and self.here(path)}
        self.by_digits = {record.digest[:16]: path for path, record in records.items()}
        self._other_code = {module: {*made} for module, made in find_other_code(self.findings.values()).items()}

    def here(self, path: str) -> bool:
        """Whether an artefact of the plan exists, whatever its state."""
        return self.findings[path].state != "absent"

    def state(self, path: str) -> str:
        """``agrees``, ``unconfirmed`` (something that the file was made from is wrong), or one of `STATES`."""
        finding = self.findings[path]
        if finding.state == "absent" or not self.recorded(path):
            return "missing"
        return str(finding.fault if finding.state == "disagrees" else finding.state)

    def recorded(self, path: str) -> bool:
        """Whether something lies where a file's record should lie."""
        return os.path.lexists(provenance_path(path))

    def problems(self, paths: Iterable[str]) -> list[Problem]:
        """What is wrong with these files."""
        return [problem(self.state(path), path, self.why(path)) for path in paths if self.state(path) in STATES]

    def older(self, path: str) -> bool:
        """Whether a file has a record of the older format."""
        return self.findings[path].older

    def why(self, path: str) -> str:
        """One sentence on what is wrong with a file; empty where nothing is wrong."""
        finding = self.findings[path]
        if finding.state == "absent":
            return finding.why or f"{path} is not here, though something that was made from it is"
        return finding.why

    def describe(self, path: str) -> dict[str, Any]:
        """What the report says of an artefact: its state, and all that its record holds."""
        finding = self.findings[path]
        record = finding.record or NOTHING
        stable, volatile = record.stable, record.volatile
        return {
            "path": path,
            "stage": finding.artefact.stage,
            "state": self.state(path),
            "why": self.why(path) if self.state(path) in STATES else "",
            "size": finding.size,
            "format": record.format if stable else None,
            "held": self._held(path),
            "provenance": record.digest[:16] if stable else None,
            **{key: stable.get(key) for key in ("sha256", "settings_digest")},
            **{key: json_value(_mapping(stable.get(key))) for key in ("settings", "facts")},
            **{key: {name: str(v) for name, v in stable.get(key, {}).items()} for key in ("inputs", "versions")},
            "made": json_value({key: value for key, value in volatile.items() if key != "code"}),
            "other_code": [module for module, made in sorted(self._other_code.items()) if path in made],
        }

    def _held(self, path: str) -> bool:
        """Whether git holds the digests of a file and of its record."""
        return all(self.anchors.committed(name) for name in (path, str(provenance_path(path))))


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


def rendering_problems(texts: dict[str, str]) -> list[Problem]:
    """Problems of renderings. These have no record: ``texts`` maps each path to the text that the file must have.

    The line on where numbers come from is passed over: it follows from the checkout, and the report has its own.
    """
    wrong = [path for path, text in texts.items() if _text(path) not in (None, text.encode())]
    why = "is not what its cells give: it was edited, or written by other code"
    return [problem("stale", path, f"{path} {why}") for path in wrong]


def _text(path: str) -> bytes | None:
    """What a rendering holds besides the line on where numbers come from; None where it is not there."""
    found = _bytes(path)
    try:
        return found if found is None else without_origin(found.decode()).encode()
    except UnicodeDecodeError:
        return found


def _bytes(path: str) -> bytes | None:
    """What a file holds; None where it is not there."""
    try:
        return Path(path).read_bytes() if Path(path).is_file() else None if not os.path.lexists(path) else b""
    except OSError:
        return b""
