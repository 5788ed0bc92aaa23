"""From the records of finished jobs to the file of what jobs take (`lacuna.cost.learnt_file`). No torch here."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from lacuna.cost.learnt_file import read_kinds, write_kinds
from lacuna.errors import LacunaError
from lacuna.files.artefacts import find_files, text_digest
from lacuna.files.machine import processor
from lacuna.plan.learnt import RATIO, SECONDS, keys_of
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Stage

ENDING = ".prov.json"
REMEMBERED = 100  # jobs of earlier runs that weigh in what a job takes to begin


@dataclass
class _Sum:
    """Jobs of one key: what they took, and what the plan expects of them; the latter counts where it expects some."""

    jobs: int = 0
    took: float = 0
    expected: float = 0
    plain: int = 0
    rest: float = 0

    def add(self, took: float, expected: float) -> None:
        """One more job."""
        self.jobs += 1
        if expected:
            self.took, self.expected = self.took + took, self.expected + expected
        else:
            self.plain, self.rest = self.plain + 1, self.rest + took

    def entry(self, key: str) -> dict[str, float]:
        """As the file has it; what the plan expects nothing of differs by dataset, and no stage has a mean of it."""
        ratio = {RATIO: round(self.took / self.expected, 4)} if self.expected else {}
        seconds = {SECONDS: round(self.rest / self.plain, 3)} if self.plain and " " in key else {}
        return {"jobs": self.jobs, **ratio, **seconds}


def learn(plan: Plan, begins: Mapping[str, Sequence[float]] | None = None) -> int:
    """Writes what the jobs took whose records lie below results/ of this scale; gives how many they are.

    ``begins`` are seconds that jobs of this machine took besides their work, by stage, or ``code`` and ``publish``.
    What the file holds of other kinds of devices, other scales, and jobs whose records are gone stays. Files of other
    settings, and records that do not name the device, say nothing.
    """
    known = read_kinds(lambda line: None)
    before = json.dumps(known)
    found, jobs = _measured(plan), 0
    for kind, sums in found.items():
        entries = _kind(known, kind)["scales"].setdefault(plan.config.scale, {})
        entries.update({key: one.entry(key) for key, one in sums.items()})
        jobs += sum(one.jobs for key, one in sums.items() if " " not in key)
    if begins and found:  # of a run that made nothing nobody needs to know
        _add_begins(_kind(known, processor())["begin"], begins)
    if json.dumps(known) != before:
        write_kinds(known)
    return jobs


def _kind(known: dict[str, Any], name: str) -> dict[str, Any]:
    kind: dict[str, Any] = known.setdefault(name, {"begin": {}, "scales": {}})
    return kind


def _add_begins(known: dict[str, Any], begins: Mapping[str, Sequence[float]]) -> None:
    for name, seconds in begins.items():
        old = known.get(name, {"jobs": 0, SECONDS: 0})
        weight = min(old["jobs"], REMEMBERED)
        whole = weight * old[SECONDS] + sum(max(0.0, one) for one in seconds)
        known[name] = {"jobs": old["jobs"] + len(seconds), SECONDS: round(whole / (weight + len(seconds)), 3)}


def _measured(plan: Plan) -> dict[str, dict[str, _Sum]]:
    """Sums by kind of device and key."""
    found: dict[str, dict[str, _Sum]] = defaultdict(lambda: defaultdict(_Sum))
    for path in find_files(Path("results", plan.config.scale), ENDING):
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError, LacunaError):
            stage, wildcards, record = _job_of(plan, str(path).removesuffix(ENDING))
            took, kind = float(record["volatile"][SECONDS]), _device(record["volatile"])
            if 0 <= took < inf:
                for key in keys_of(stage, wildcards):
                    found[kind][key].add(took, stage.seconds(**wildcards))
    return found


def _job_of(plan: Plan, path: str) -> tuple[Stage, Mapping[str, str], Any]:
    """Stage, wildcards and record of a file; KeyError where it is not its job's first, or is of other settings."""
    place = plan.paths.parse(path)
    stage = plan.stages[place.stage]
    record = json.loads(Path(f"{path}{ENDING}").read_text(encoding="utf-8"))
    settings = text_digest(stage.canonical(**place.wildcards))
    if place.output != next(iter(stage.outputs)) or record["stable"]["settings_digest"] != settings:
        raise KeyError(path)
    return stage, place.wildcards, record


def _device(volatile: Mapping[str, Any]) -> str:
    """The GPU that a job used, else the processor; KeyError where its record, of an older version, names neither."""
    return str(volatile["gpu" if volatile.get("device") == "cuda" else "processor"])


def learn_from_run(plan: Plan, seen: Sequence[tuple[str, Mapping[str, str], float]], elsewhere: bool) -> None:
    """Learns at the end of a run. It is no error where nothing can be written.

    ``seen`` are its finished jobs: rule, wildcards, seconds from start to end. The seconds of jobs that ran
    ``elsewhere`` hold their time in a queue, and say nothing of how jobs begin.
    """
    begins: dict[str, list[float]] = defaultdict(list)
    for rule, wildcards, wall in [] if elsewhere else seen:
        name, work = _work(plan, rule, wildcards)
        if work is not None:
            begins[name].append(wall - work)
    if seen:
        with suppress(OSError, LacunaError):
            learn(plan, begins)


def _work(plan: Plan, rule: str, wildcards: Mapping[str, str]) -> tuple[str, float | None]:
    """What a job is called in ``begins``, and the seconds of its record; None where that cannot be read.

    Jobs without a record do nothing but begin.
    """
    stage = plan.stage_of(rule)
    if stage is None or not stage.outputs:
        return (stage.name if stage else rule.partition("_")[0]), 0
    with suppress(OSError, ValueError, KeyError, TypeError):
        path = stage.path(next(iter(stage.outputs)), **wildcards)
        return stage.name, float(json.loads(Path(f"{path}{ENDING}").read_text(encoding="utf-8"))["volatile"][SECONDS])
    return stage.name, None
