"""Whether a scale says what is asked for, and what a user brings is there: folders, CSV files. No torch here."""

from collections.abc import Iterable, Mapping

from lacuna.errors import LacunaError
from lacuna.plan.crates import FOLDER as CRATES
from lacuna.plan.names import COLLECTIONS, FOLDERS
from lacuna.plan.plan import Plan
from lacuna.reporting.plots import roles_of

PAGE = "docs/datasets.md"


def asked_for(plan: Plan, arguments: Iterable[str]) -> list[str]:
    """The tables and figures whose files are among the arguments; of claims and crates all that they are made from."""
    arguments = [*arguments]
    named = {argument.partition("/")[2].partition(".")[0] for argument in arguments if argument.startswith(FOLDERS)}
    crates = {name for name in plan.crates.parts if plan.crates.path(name) in arguments}
    named |= {one for name in crates for one in (*plan.crates.parts[name].tables, *plan.crates.parts[name].figures)}
    named |= {name for name, (paper, _) in plan.lookup.tables.items() if f"{paper}-claims" in named}
    return [name for name in dict.fromkeys([*plan.lookup.tables, *plan.lookup.figures]) if name in named]


def refuse_incomplete(plan: Plan, arguments: Iterable[str]) -> None:
    """Raises `LacunaError` where the scale does not say all that the exhibits among the arguments need.

    The sentence names all that is missing. A target that collects, such as ``tables``, asks for every exhibit.
    """
    asked, found = [*arguments], plan.config.incomplete
    every = bool(COLLECTIONS & {*asked})
    wanted = {key: one for key, one in found.items() if every or any(_asks(text, *key, one.paper) for text in asked)}
    if wanted:
        gaps = {key: why for one in wanted.values() for key, why in one.gaps.items()}
        keys = {why: ", ".join(sorted(key for key in gaps if gaps[key] == why)) for _, why in sorted(gaps.items())}
        lacking = "; ".join(f"{named} ({why})" for why, named in keys.items())
        file, names = f"config/scales/{plan.config.scale}.yaml", sorted({name for _, name in wanted})
        shown = f"{', '.join(names[:3])} and {len(names) - 3} more" if len(names) > 4 else ", ".join(names)
        mend = "`extends` takes what is missing from another scale, as docs/extend.md shows"
        raise LacunaError(f"{file} lacks keys that {shown} cannot do without: {lacking}. {mend}")


def _asks(argument: str, kind: str, name: str, paper: str) -> bool:
    """Whether an argument is a file of an exhibit, of the claims of its paper, which need every table, or a crate."""
    folder, _, file = argument.partition("/")
    stem, claims = file.partition(".")[0], f"{paper}-claims"
    if folder == CRATES:
        return stem in (name, paper) or (kind == "tables" and stem == claims)
    return folder == kind and (stem == name or (kind == "tables" and stem == claims))


def refuse_missing(plan: Plan, jobs: Iterable[tuple[str, Mapping[str, str]]]) -> None:
    """Raises `LacunaError` for the first folder or file of the user's that a job needs and that is not there.

    Where all are there, raises it for the first that is not what the configuration says. ``jobs`` are rules and
    wildcards of all jobs to come, so that a run stops before its first one. The sentence names the tables and figures
    among them that are made from the dataset.
    """
    planned = sorted(jobs, key=lambda job: (job[0] != "dataset", job[0], sorted(job[1].items())))
    asked = sorted({wildcards["exhibit"] for _, wildcards in planned if "exhibit" in wildcards})
    brought = [
        (stage, wildcards)
        for rule, wildcards in planned
        if (stage := plan.stage_of(rule)) and wildcards.get("dataset") in plan.config.datasets
    ]
    for stage, wildcards in brought:
        if path := stage.missing(**wildcards):
            dataset = wildcards["dataset"]
            users = ", ".join(name for name in asked if dataset in _datasets_of(plan, name))
            needs = f"{users}: " if users else ""
            raise LacunaError(f"{needs}dataset {dataset}: {path} is not there, and is yours to bring; see {PAGE}")
    for stage, wildcards in brought:
        stage.refuse_misfit(**wildcards)


def _datasets_of(plan: Plan, exhibit: str) -> set[str]:
    """Every dataset that an exhibit is made from; a figure of curves may have several."""
    if exhibit not in plan.lookup.tables | plan.lookup.figures:
        return set()
    figure = plan.lookup.figures[exhibit][1] if exhibit in plan.lookup.figures else {"table": exhibit}
    roles = [] if "table" in figure else roles_of(figure)
    return {plan.lookup.dataset_of(exhibit), *map(plan.lookup.role, roles)}
