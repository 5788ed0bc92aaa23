"""What a run will cost: hours of training, attacking and certifying, memory and disk. No torch here."""

import json
import shutil
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lacuna.files.artefacts import provenance_path
from lacuna.jobs.overview import Work
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Artefact


@dataclass
class Cost:
    """Sums over artefacts that do not exist yet; ``memory`` is what the largest of their jobs asks for, in GB.

    ``unforetold`` are the artefacts whose time is not in ``seconds``, since code of the user's own takes it.
    """

    trainings: int = 0
    attacks: int = 0
    unforetold: int = 0
    seconds: float = 0
    bytes: float = 0
    memory: float = 0

    def __str__(self) -> str:
        """One sentence; hours are of one device, as the scale's throughput assumes it."""
        if not self.trainings + self.attacks:
            return "Cost: the files of every training and attack are there."
        what = f"the files of {self.trainings} trainings and {self.attacks} attacks are not there yet"
        own = f" (your own code takes more in {self.unforetold} of them; how much is not known)" * bool(self.unforetold)
        hours = f"about {self.seconds / 3600:.1f} hours on one device{own}"
        return f"Cost: {what}: {hours} and {self.bytes / 1e9:.2f} GB of disk."

    def shortage(self, folder: Path) -> str:
        """One sentence where the disk of a folder, which need not be there yet, has too little room; else empty."""
        there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
        free = shutil.disk_usage(there).free
        if self.bytes <= free:
            return ""
        return (
            f"The disk of {folder} has {free / 1e9:.2f} GB left, which is {(self.bytes - free) / 1e9:.2f} GB too few; "
            f"docs/operations.md says what may be deleted."
        )


def estimate(plan: Plan, exhibits: Iterable[str], whole: bool = False) -> Cost:
    """Cost of what these exhibits still need, or of the ``whole``; an artefact that several share counts once."""
    return cost_of(plan, plan.inventory.artefacts(*exhibits), whole)


def cost_of(plan: Plan, artefacts: Iterable[Artefact], whole: bool = False, again: Container[str] = ()) -> Cost:
    """Cost of the artefacts that are not there yet, or of the ``whole``; the seconds are what the plan has learnt.

    Files that are made ``again`` count as if they were not there.
    """
    cost = Cost()
    for artefact in artefacts:
        there = not whole and Path(artefact.path).exists() and artefact.path not in again
        if artefact.output == "history" or there:
            continue
        stage, wildcards = plan.stages[artefact.stage], artefact.wildcards
        cost.trainings += artefact.stage == "train"
        cost.attacks += artefact.stage == "attack"
        cost.unforetold += stage.unforetold(**wildcards)
        cost.seconds += _seconds(plan, artefact)
        cost.bytes += stage.size(artefact.output, **wildcards)
        cost.memory = max(cost.memory, stage.memory(**wildcards))
    return cost


def _seconds(plan: Plan, artefact: Artefact) -> float:
    """Seconds of the job, which count once where it makes several files."""
    stage = plan.stages[artefact.stage]
    if artefact.output != next(iter(stage.outputs)):
        return 0
    return plan.learnt.seconds(stage, artefact.wildcards)


def work_of(plan: Plan, rule: str, wildcards: Mapping[str, str]) -> Work:
    """A job of the workflow by its name, with the seconds that are expected of it."""
    stage = plan.stage_of(rule)
    named = " ".join([stage.name if stage else rule, *(value for key, value in wildcards.items() if key != "dataset")])
    begin = plan.learnt.begin(stage.name if stage else rule.partition("_")[0])
    if stage is None:
        return Work(named, 0, begin=begin)
    return Work(named, plan.learnt.seconds(stage, wildcards), not stage.unforetold(**wildcards), begin)


def measured(plan: Plan) -> float | None:
    """How long the trainings took that were made here, as a multiple of what the plan expects; else None.

    A training that was killed counts from its last start only, so that this is a lower bound.
    """
    took, said = 0.0, 0.0
    for artefact in plan.inventory.artefacts():
        if artefact.stage == "train" and artefact.path.endswith(".safetensors"):
            with suppress(OSError, ValueError, KeyError, TypeError):  # not made, or its record is damaged
                took += float(json.loads(provenance_path(artefact.path).read_text())["volatile"]["seconds"])
                said += plan.stages["train"].seconds(**artefact.wildcards)
    return took / said if said else None


def table(plan: Plan) -> list[str]:
    """Lines of text: what each table costs by itself, what of it is missing here, and all of them together."""
    factor = measured(plan)
    lines = [
        f"{'':24}{'dataset':22}{'trainings':>10}{'attacks':>9}{'hours':>9}{'memory':>8}{'disk':>8}{'missing hours':>15}"
    ]
    for name in plan.lookup.tables:
        lines.append(_line(name, plan.lookup.dataset_of(name), estimate(plan, [name], True), estimate(plan, [name])))
    lines.append(
        _line(
            "all, what is shared once", "", estimate(plan, plan.lookup.tables, True), estimate(plan, plan.lookup.tables)
        )
    )
    source = f"throughput in config/scales/{plan.config.scale}.yaml"
    known = f"trainings made here took {factor:.2f} times as long" if factor else "no training was made here to compare"
    units = "memory in GB, of the largest job; disk in GB, with datasets and masks"
    own = ["+ what your own networks and attacks take, which is not known."] * any("+" in line for line in lines)
    learnt = f", and by what {jobs} finished jobs took" if (jobs := plan.learnt.jobs) else ""
    return [*lines, f"Hours of one device, by {source}{learnt}; {units}; {known}.", *own]


def _line(name: str, dataset: str, whole: Cost, missing: Cost) -> str:
    counts = f"{whole.trainings:>10}{whole.attacks:>9}{_hours(whole):>9}"
    sizes = f"{whole.memory:>8.0f}{whole.bytes / 1e9:>8.1f}"
    return f"{name:24}{dataset:22}{counts}{sizes}{_hours(missing):>15}"


def _hours(cost: Cost) -> str:
    """Hours, with a plus where those of the user's own code come on top."""
    return f"{cost.seconds / 3600:.1f}{'+' * bool(cost.unforetold)}"
