"""What decides each alias of dvc.yaml: one digest, by which DVC sees whether the alias has changed. No torch here."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lacuna.files.artefacts import sha256, text_digest
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Artefact, canonical

COLLECTED = {"data": ("dataset",), "models": ("train", "adopt"), "adversarial": ("attack",)}  # stages of a collection


@dataclass(frozen=True)
class Planned:
    """What is planned of an alias: a digest of all settings, and the files whose content decides besides."""

    settings: str
    files: list[str]

    def text(self) -> str:
        """One line that changes when the plan does, or the content of a file."""
        contents = [[name, sha256(name) if Path(name).is_file() else ""] for name in self.files]
        return text_digest(canonical([self.settings, contents])) + "\n"


@cache
def planned(plan: Plan) -> dict[str, Planned]:
    """What is planned of every collection and of every table, by the names of their aliases."""
    tables, figures = plan.lookup.tables, plan.lookup.figures
    kinds = {name: _of_stages(plan, stages) for name, stages in COLLECTED.items()}
    claims = [artefact for paper in plan.lookup.claimed for artefact in plan.inventory.claims(paper)]
    every = {"tables": _exhibits(plan, table=tables) + claims, "figures": _exhibits(plan, figure=figures)}
    single = {name: _exhibits(plan, table=[name]) for name in tables}
    return {name: _planned(plan, artefacts) for name, artefacts in {**kinds, **every, **single}.items()}


def deciding(plan: Plan) -> list[str]:
    """The files that decide aliases, but for those that the user has not brought."""
    files = {name for one in planned(plan).values() for name in one.files}
    return sorted(name for name in files if _is_made(name) or Path(name).is_file())


def trained(plan: Plan, exhibit: str) -> dict[str, str]:
    """The histories behind a table, by the folders and names of their networks."""
    histories = [one for one in plan.inventory.artefacts(exhibit) if one.output == "history"]
    return {f"{one.wildcards['dataset']}/{one.wildcards['model']}": one.path for one in histories}


def _of_stages(plan: Plan, stages: Iterable[str]) -> list[Artefact]:
    return [artefact for artefact in plan.inventory.artefacts() if artefact.stage in stages]


def _exhibits(plan: Plan, **exhibits: Iterable[str]) -> list[Artefact]:
    """All that exhibits are made from, and their renderings, by the stage that renders them."""
    found: dict[str, Artefact] = {}
    for stage, names in exhibits.items():
        for name in names:
            found |= {artefact.path: artefact for artefact in plan.inventory.artefacts(name)}
            where = plan.lookup.wildcards_of(name)
            found[name] = Artefact(stage, name, plan.stages[stage].canonical(**where), (), "", where)
    return [*found.values()]


def _planned(plan: Plan, artefacts: Iterable[Artefact]) -> Planned:
    said, files = [], set[str]()
    for one in artefacts:
        stage = plan.stages[one.stage]
        said.append([one.path, one.settings, *one.inputs])
        files |= {plan.code[part].digests for part in stage.code(**one.wildcards)}
        files |= {name for name in (*one.inputs, *stage.own_code(**one.wildcards)) if not _is_made(name)}
    return Planned(text_digest(canonical(said)), sorted(files))


def _is_made(name: str) -> bool:
    return Path(name).is_relative_to("results")
