"""Examines whether files below results/ are what the plan wants: bytes, settings and inputs, by their provenance."""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lacuna.errors import LacunaError, TamperedError
from lacuna.files.artefacts import provenance_path, read_record, refuse_other_bytes, sha256, stable_part, text_digest
from lacuna.files.records import FORMAT, OLDER, RecordContent
from lacuna.plan.stage import Artefact, canonical
from lacuna.versioning.anchors import Anchors, ReplacedError

FileState = Literal["agrees", "absent", "disagrees", "unconfirmed"]
Fault = Literal["", "tampered", "replaced", "stale"]


NO_ANCHORS = Anchors()


@dataclass(frozen=True)
class Finding:
    """What was found where an artefact of the plan should lie. ``why`` is one sentence on what is wrong.

    ``state`` is one of

    * agrees: bytes, settings and inputs are the plan's;
    * disagrees: bytes, settings or inputs are not the plan's, or the file or its record is not the version that git
      holds. ``fault`` says which: the file or its record was changed after it was made (tampered), is sound and not
      the version that git holds (replaced), or is not as planned (stale);
    * unconfirmed: its own record agrees, but not that of a file that it was made from or made with;
    * absent: the file is not there.

    ``sound`` says that files made from it can be trusted. That may be so where the file is absent and only its
    provenance is there. ``record`` is what that says, where it can be read and its seal fits.
    """

    artefact: Artefact
    state: FileState
    why: str = ""
    fault: Fault = ""
    sound: bool = False
    record: RecordContent | None = None

    @property
    def path(self) -> str:
        """Where the artefact lies."""
        return self.artefact.path

    @property
    def size(self) -> int:
        """Bytes of the artefact, 0 where it is absent."""
        return os.path.getsize(self.path) if os.path.exists(self.path) else 0

    @property
    def older(self) -> bool:
        """Whether its record is of the older format, which has no seal."""
        return self.record is not None and self.record.format == OLDER


def examine(artefacts: Iterable[Artefact], anchors: Anchors = NO_ANCHORS) -> list[Finding]:
    """A finding on each artefact, whatever the files hold. Artefacts must stand after their inputs.

    ``anchors`` are what git holds of them.
    """
    found: dict[str, Finding] = {}
    others: dict[str, str | None] = {}
    for artefact in artefacts:
        found[artefact.path] = _examine(artefact, found, others, anchors)
    return _by_job(found.values())


def _by_job(findings: Collection[Finding]) -> list[Finding]:
    """The findings, in which all files of one job agree or none: Snakemake takes a job as done only as a whole."""
    spoilt = {_job(finding.artefact) for finding in findings if finding.state != "agrees"}
    return [
        replace(finding, state="unconfirmed")
        if finding.state == "agrees" and _job(finding.artefact) in spoilt
        else finding
        for finding in findings
    ]


def _job(artefact: Artefact) -> tuple[str, str, tuple[str, ...]]:
    """What tells jobs apart. Files with the same rule, settings and inputs are of one job, such as both splits."""
    return artefact.stage, artefact.settings, artefact.inputs


def _examine(
    artefact: Artefact, found: Mapping[str, Finding], others: dict[str, str | None], anchors: Anchors
) -> Finding:
    path, record = artefact.path, None
    present = Path(path).is_file()
    if not present and not os.path.lexists(provenance_path(path)):
        return Finding(artefact, "absent")
    try:
        record = read_record(path)
        if present:
            refuse_other_bytes(path, record)
        _compare(artefact, record, found, others)
        for name in (path, str(provenance_path(path))):
            anchors.refuse_others(name)
    except (LacunaError, OSError) as error:
        why = str(error) if isinstance(error, LacunaError) else f"{path} cannot be read ({error.strerror})"
        return Finding(
            artefact, "disagrees" if present else "absent", why, _fault(error) if present else "", False, record
        )
    sound = all(found[name].sound for name in artefact.inputs if name in found)
    state: FileState = "absent" if not present else "agrees" if sound else "unconfirmed"
    return Finding(artefact, state, sound=sound, record=record)


def _fault(error: Exception) -> Fault:
    return (
        "tampered" if isinstance(error, TamperedError) else "replaced" if isinstance(error, ReplacedError) else "stale"
    )


def _compare(
    artefact: Artefact, record: RecordContent, found: Mapping[str, Finding], others: dict[str, str | None]
) -> None:
    """Raises `LacunaError` with one sentence for the first thing in the record that is not the plan's."""
    path, recorded, inputs = artefact.path, record.stable, record.stable["inputs"]
    if recorded["artefact"] != path:
        raise LacunaError(f"{path} was made as {recorded['artefact']}; delete it and pull or make it again")
    if recorded["stage"] != artefact.stage:
        raise TamperedError(f"{provenance_path(path)} says that {path} is of {recorded['stage']}, not {artefact.stage}")
    if recorded["settings_digest"] != text_digest(canonical(recorded.get("settings"))):
        raise TamperedError(
            f"{provenance_path(path)} holds the digest of other settings than it states; delete it and {path}"
        )
    if recorded["settings_digest"] != text_digest(artefact.settings):
        keys = ", ".join(list(differences(recorded.get("settings"), json.loads(artefact.settings)))[:3])
        raise LacunaError(f"{path} was made with other settings than the configuration's: {keys or 'their digest'}")
    if strange := sorted(inputs.keys() ^ set(artefact.inputs)):
        raise LacunaError(f"{path} was made from other files than the configuration says: {strange[0]}")
    for name, digest in inputs.items():
        if (here := _digest(name, found, others)) not in (None, digest):
            raise LacunaError(
                f"{path} was made from another {name} (sha256 {digest[:16]}..., here {str(here)[:16]}...)"
            )
    if record.format == FORMAT:
        sound = (found[name] for name in inputs if name in found and found[name].sound)  # others are named already
        _compare_records(path, recorded["records"], sound)


def _compare_records(path: str, held: Mapping[str, str], inputs: Iterable[Finding]) -> None:
    """Raises `LacunaError` for the first input whose record is not the one of which the artefact's holds the digest."""
    for finding in inputs:
        if finding.record is not None and held.get(finding.path) != finding.record.digest:
            raise LacunaError(
                f"{path} was made from {finding.path} with another record (its digits are not "
                f"{str(held.get(finding.path))[:16]}): that was made again, or edited, since; make {path} again"
            )


def _digest(name: str, found: Mapping[str, Finding], others: dict[str, str | None]) -> str | None:
    """sha256 of an input: the recorded one if the plan makes it, else that of the file; None where it is not known."""
    if name in found:
        record = found[name].record
        return None if record is None else str(record.stable["sha256"])
    if name not in others:
        others[name] = sha256(name) if Path(name).is_file() else None
    return others[name]


def differences(recorded: Any, planned: Any, key: str = "") -> Iterator[str]:
    """Where two settings differ, as ``recipe.epochs is 4, not 2``: the recorded value first, then the plan's."""
    if isinstance(recorded, dict) and isinstance(planned, dict):
        for name in sorted(recorded.keys() | planned.keys()):
            yield from differences(recorded.get(name), planned.get(name), f"{key}.{name}" if key else name)
    elif recorded != planned:
        shown = [text if len(text) < 40 else f"{text[:36]}..." for text in map(json.dumps, (recorded, planned))]
        yield f"{key} is {shown[0]}, not {shown[1]}"


def recorded_artefact(path: str) -> Artefact:
    """An artefact that no table needs, as its own provenance describes it. Only its bytes and inputs can be wrong."""
    try:
        recorded = stable_part(path)
    except LacunaError:  # which `examine` meets again and reports
        return Artefact("", path, "null", ())
    return Artefact(recorded["stage"], path, canonical(recorded.get("settings")), tuple(recorded["inputs"]))


def find_other_code(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """The paths, by module, of artefacts that agree but were made by another version of the module."""
    here: dict[str, str | None] = {}
    made: dict[str, list[str]] = {}
    for finding in findings:
        if finding.state != "agrees" or finding.record is None:
            continue
        for name, digest in finding.record.volatile.get("code", {}).items():
            if name not in here:
                here[name] = sha256(name) if Path(name).is_file() else None
            if here[name] != digest:
                made.setdefault(name, []).append(finding.path)
    return made
