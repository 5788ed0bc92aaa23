"""Every file with provenance that a table is computed from: rule, path, settings and inputs. No torch here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lacuna.names import OWN, parse_model

if TYPE_CHECKING:
    from lacuna.plan import Plan


@dataclass(frozen=True)
class Artefact:
    """One file as the plan wants it; ``settings`` is canonical JSON and ``inputs`` are paths, as its rule gets them."""

    stage: str
    path: str
    settings: str
    inputs: tuple[str, ...]


def table_artefacts(plan: "Plan", table: str) -> list[Artefact]:
    """What a table is computed from, in order of the flow: each artefact after its inputs, the table's cells last."""
    dataset = plan.dataset_of(table)
    made = [artefact for folder in plan.replicas(dataset) for artefact in _replica(plan, folder, table)]
    path = plan.path(dataset, "cells", f"{table}.csv")
    inputs = (*plan.outcomes(table), plan.printed_file(table))
    return [*made, Artefact("cells", path, plan.cells_settings(table), inputs)]


def _replica(plan: "Plan", dataset: str, table: str) -> list[Artefact]:
    """What one training seed makes of it; ``dataset`` is the seed's folder."""
    cells = plan.cells(table)
    pairs = dict.fromkeys((cell.suite, cell.target) for cell in cells)
    sets = dict.fromkeys(pair for suite, target in pairs for pair in plan.suite_sources(suite, target))
    selections = dict.fromkeys(plan.selection_of(*pair) for pair in sets)
    deciding = [model for selection in selections for model in plan.selection_sources(selection)]
    named = [*deciding, *(source for _, source in sets), *(cell.model for cell in cells)]
    models = dict.fromkeys(member for model in named for member in plan.exhibits.members(model))
    return [
        *_splits(plan, dataset),
        *(artefact for model in models for artefact in _trained(plan, dataset, model)),
        *(_selection(plan, dataset, selection) for selection in selections),
        *(_adversarial_set(plan, dataset, *pair) for pair in sets),
        *(_outcomes(plan, dataset, *pair) for pair in pairs),
    ]


def all_artefacts(plan: "Plan", tables: Iterable[str]) -> list[Artefact]:
    """What several tables are computed from, each artefact once and after its inputs."""
    return list({artefact.path: artefact for table in tables for artefact in table_artefacts(plan, table)}.values())


def _splits(plan: "Plan", dataset: str) -> list[Artefact]:
    shared = (plan.dataset_settings(dataset), tuple(plan.dataset_files(dataset)))
    return [Artefact("dataset", _split(plan, dataset, split), *shared) for split in ("train", "test")]


def _split(plan: "Plan", dataset: str, split: str) -> str:
    return plan.path(dataset, "dataset", f"{split}.safetensors")


def _trained(plan: "Plan", dataset: str, model: str) -> list[Artefact]:
    """A network's checkpoint and, unless it is a user's own, the history of its training."""
    path = plan.path(dataset, "train", f"{model}.safetensors")
    if parse_model(model).training == OWN:
        return [Artefact("adopt", path, plan.adopt_settings(dataset, model), (plan.adopt_checkpoint(model),))]
    read = (_split(plan, dataset, "train"), *plan.history_tests(dataset, model))
    history = plan.path(dataset, "train", f"{model}.history.csv")
    return [Artefact("train", name, plan.train_settings(dataset, model), read) for name in (path, history)]


def _selection(plan: "Plan", dataset: str, selection: str) -> Artefact:
    inputs = (_split(plan, dataset, "test"), *plan.select_checkpoints(dataset, selection))
    path = plan.path(dataset, "select", f"{selection}.csv")
    return Artefact("select", path, plan.select_settings(dataset, selection), inputs)


def _adversarial_set(plan: "Plan", dataset: str, attack: str, source: str) -> Artefact:
    made_on = (*plan.checkpoints(dataset, source), plan.attack_selection(dataset, attack, source))
    path = plan.path(dataset, "attack", f"{attack}/{source}.safetensors")
    settings = plan.attack_settings(dataset, attack, source)
    return Artefact("attack", path, settings, (_split(plan, dataset, "test"), *made_on))


def _outcomes(plan: "Plan", dataset: str, suite: str, target: str) -> Artefact:
    tried = (*plan.checkpoints(dataset, target), *plan.suite_sets(dataset, suite, target))
    path = plan.path(dataset, "evaluate", f"{suite}/{target}.parquet")
    settings = plan.evaluate_settings(dataset, suite, target)
    return Artefact("evaluate", path, settings, (_split(plan, dataset, "test"), *tried))


def claims_artefact(plan: "Plan", paper: str) -> Artefact:
    """The verdicts on a paper's claims, which every table of the paper goes into."""
    files = (f"data/printed/{paper}.csv", f"config/claims/{paper}.yaml")
    inputs = (*plan.claims_cells(paper), *plan.claims_outcomes(paper), *files)
    return Artefact("claims", plan.claims_files(paper)[0], plan.claims_settings(paper), inputs)


def chain(plan: "Plan", path: str) -> list[Artefact]:
    """An artefact that a figure may read, and before it all that it is made from. KeyError for an unknown stage."""
    found: dict[str, Artefact] = {}

    def add(path: str) -> None:
        if path in found or not path.startswith("results/"):
            return
        _, _, dataset, stage, name = path.split("/", 4)
        for artefact in _MAKERS[stage](plan, dataset, name.rpartition(".")[0]):
            for name in artefact.inputs:
                add(name)
            found[artefact.path] = artefact

    add(path)
    return list(found.values())


_MAKERS: dict[str, Callable[["Plan", str, str], list[Artefact]]] = {
    "dataset": lambda plan, dataset, _: _splits(plan, dataset),
    "train": lambda plan, dataset, name: _trained(plan, dataset, name.removesuffix(".history")),
    "select": lambda plan, dataset, name: [_selection(plan, dataset, name)],
    "attack": lambda plan, dataset, name: [_adversarial_set(plan, dataset, *name.split("/"))],
    "evaluate": lambda plan, dataset, name: [_outcomes(plan, dataset, *name.split("/"))],
    "cells": lambda plan, _, name: table_artefacts(plan, name),
}
