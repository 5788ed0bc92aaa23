"""Whether what a user brings is there when a run starts: image folders, CSV files, masks. No torch here."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lacuna.data.places import missing
from lacuna.errors import LacunaError

if TYPE_CHECKING:
    from lacuna.plan import Plan

PAGE = "docs/datasets.md"


def refuse_missing(plan: "Plan", jobs: Iterable[tuple[str, Mapping[str, str]]]) -> None:
    """Raises `LacunaError` for the first folder or file of the user's that a job needs and that is not there.

    ``jobs`` are rules and wildcards of all jobs to come, so that a run stops before its first one. The sentence names
    the tables and figures among them that are made from the dataset.
    """
    planned = sorted(jobs, key=lambda job: (job[0] != "dataset", job[0], sorted(job[1].items())))
    asked = sorted({wildcards["exhibit"] for _, wildcards in planned if "exhibit" in wildcards})
    for rule, wildcards in planned:
        dataset = wildcards.get("dataset", "")
        if dataset in plan.config.datasets and (path := _missing(plan, rule, wildcards)):
            users = ", ".join(name for name in asked if dataset in _datasets_of(plan, name))
            needs = f"{users}: " if users else ""
            raise LacunaError(f"{needs}dataset {dataset}: {path} is not there, and is yours to bring; see {PAGE}")


def _missing(plan: "Plan", rule: str, wildcards: Mapping[str, str]) -> Path | None:
    entry = plan.config.datasets[wildcards["dataset"]]
    if rule == "dataset":
        return missing(entry["source"])
    if rule == "foreground" and entry["foreground"]["masks"]["kind"] == "folder":
        needed = [Path(entry["foreground"]["masks"]["path"])]
    elif rule == "attack" and (attack := plan.attack(wildcards["attack"]))["method"] == "folder":
        needed = [Path(budget["path"]) for budget in attack["budgets"]]
    else:
        needed = []
    return next((path for path in needed if not path.is_dir()), None)


def _datasets_of(plan: "Plan", exhibit: str) -> set[str]:
    """Every dataset that an exhibit is made from; a figure of curves may have several."""
    if exhibit not in plan.tables | plan.figures:
        return set()
    lines = plan.figures[exhibit][1].get("lines", []) if exhibit in plan.figures else []
    return {plan.dataset_of(exhibit), *(plan.role(line["dataset"]) for line in lines)}
