"""Every file with provenance that a table is computed from: rule, path, settings and inputs. No torch here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lacuna.language.models import OWN, parse_model

if TYPE_CHECKING:
    from lacuna.plan.plan import Plan


@dataclass(frozen=True)
class Artefact:
    """One file as the plan wants it; ``settings`` is canonical JSON and ``inputs`` are paths, as its rule gets them."""

    stage: str
    path: str
    settings: str
    inputs: tuple[str, ...]


def exhibit_artefacts(plan: "Plan", exhibit: str) -> list[Artefact]:
    """What a table or figure is made from, each artefact after its inputs; a table's cells are the last."""
    drawn = plan.figure_inputs(exhibit).values() if exhibit in plan.figures else []
    cells = [plan.cells_file(exhibit)] if exhibit in plan.tables else []
    files = [*(path for paths in drawn for path in paths), *cells]
    return _once(artefact for path in files for artefact in chain(plan, path))


def all_artefacts(plan: "Plan", exhibits: Iterable[str]) -> list[Artefact]:
    """What several exhibits are made from, each artefact once and after its inputs."""
    return _once(artefact for exhibit in exhibits for artefact in exhibit_artefacts(plan, exhibit))


def _once(artefacts: Iterable[Artefact]) -> list[Artefact]:
    return list({artefact.path: artefact for artefact in artefacts}.values())


def chain(plan: "Plan", path: str) -> list[Artefact]:
    """An artefact, and before it all that it is made from. KeyError for an unknown stage."""
    found: dict[str, Artefact] = {}

    def add(path: str) -> None:
        if path in found or not path.startswith("results/"):
            return
        _, _, dataset, stage, name = path.split("/", 4)
        for artefact in MAKERS[stage](plan, dataset, name.rpartition(".")[0]):
            for needed in artefact.inputs:
                add(needed)
            found[artefact.path] = artefact

    add(path)
    return list(found.values())


def _splits(plan: "Plan", dataset: str) -> list[Artefact]:
    shared = (plan.dataset_settings(dataset), tuple(plan.dataset_files(dataset)))
    return [Artefact("dataset", _split(plan, dataset, split), *shared) for split in ("train", "test")]


def _foreground(plan: "Plan", dataset: str, split: str) -> list[Artefact]:
    path = plan.path(dataset, "foreground", f"{split}.safetensors")
    return [Artefact("foreground", path, plan.foreground_settings(dataset), (_split(plan, dataset, split),))]


def _split(plan: "Plan", dataset: str, split: str) -> str:
    return plan.path(dataset, "dataset", f"{split}.safetensors")


def _trained(plan: "Plan", dataset: str, model: str) -> list[Artefact]:
    """A network's checkpoint and, unless it is a user's own, the history of its training."""
    path = plan.path(dataset, "train", f"{model}.safetensors")
    if parse_model(model).training == OWN:
        return [Artefact("adopt", path, plan.adopt_settings(dataset, model), (plan.adopt_checkpoint(model),))]
    read = (_split(plan, dataset, "train"), *plan.history_tests(dataset, model), *plan.train_foreground(dataset, model))
    history = plan.path(dataset, "train", f"{model}.history.csv")
    return [Artefact("train", name, plan.train_settings(dataset, model), read) for name in (path, history)]


def _selection(plan: "Plan", dataset: str, selection: str) -> Artefact:
    inputs = (_split(plan, dataset, "test"), *plan.select_checkpoints(dataset, selection))
    path = plan.path(dataset, "select", f"{selection}.csv")
    return Artefact("select", path, plan.select_settings(dataset, selection), inputs)


def _adversarial_set(plan: "Plan", dataset: str, attack: str, source: str) -> Artefact:
    chosen = plan.attack_selection(dataset, attack, source)
    made_on = (*plan.checkpoints(dataset, source), chosen, *plan.attack_like(dataset, attack, source))
    path = plan.path(dataset, "attack", f"{attack}/{source}.safetensors")
    settings = plan.attack_settings(dataset, attack, source)
    foreground = plan.attack_foreground(dataset, attack)
    return Artefact("attack", path, settings, (_split(plan, dataset, "test"), *made_on, *foreground))


def _outcomes(plan: "Plan", dataset: str, suite: str, target: str) -> Artefact:
    tried = (*plan.checkpoints(dataset, target), *plan.suite_sets(dataset, suite, target))
    path = plan.path(dataset, "evaluate", f"{suite}/{target}.parquet")
    settings = plan.evaluate_settings(dataset, suite, target)
    return Artefact("evaluate", path, settings, (_split(plan, dataset, "test"), *tried))


def _measures(plan: "Plan", dataset: str, attack: str, source: str) -> Artefact:
    path = plan.path(dataset, "measure", f"{attack}/{source}.parquet")
    inputs = (_split(plan, dataset, "test"), plan.path(dataset, "attack", f"{attack}/{source}.safetensors"))
    settings = plan.measure_settings(dataset, attack)
    return Artefact("measure", path, settings, (*inputs, *plan.measure_foreground(dataset, attack)))


def _gradients(plan: "Plan", dataset: str, target: str) -> Artefact:
    path = plan.path(dataset, "gradient", f"loss/{target}.parquet")
    inputs = (_split(plan, dataset, "test"), *plan.checkpoints(dataset, target), *plan.gradient_foreground(dataset))
    return Artefact("gradient", path, plan.gradient_settings(dataset, target), inputs)


def claims_artefact(plan: "Plan", paper: str) -> Artefact:
    """The verdicts on a paper's claims, which every table of the paper goes into."""
    files = (f"data/printed/{paper}.csv", f"config/claims/{paper}.yaml")
    inputs = (*plan.claims_cells(paper), *plan.claims_outcomes(paper), *files)
    return Artefact("claims", plan.claims_files(paper)[0], plan.claims_settings(paper), inputs)


def _cells(plan: "Plan", dataset: str, table: str) -> list[Artefact]:
    inputs = (*plan.outcomes(table), plan.printed_file(table))
    return [Artefact("cells", plan.cells_file(table), plan.cells_settings(table), inputs)]


MAKERS: dict[str, Callable[["Plan", str, str], list[Artefact]]] = {
    "dataset": lambda plan, dataset, _: _splits(plan, dataset),
    "foreground": _foreground,
    "train": lambda plan, dataset, name: _trained(plan, dataset, name.removesuffix(".history")),
    "select": lambda plan, dataset, name: [_selection(plan, dataset, name)],
    "attack": lambda plan, dataset, name: [_adversarial_set(plan, dataset, *name.split("/"))],
    "evaluate": lambda plan, dataset, name: [_outcomes(plan, dataset, *name.split("/"))],
    "measure": lambda plan, dataset, name: [_measures(plan, dataset, *name.split("/"))],
    "gradient": lambda plan, dataset, name: [_gradients(plan, dataset, name.removeprefix("loss/"))],
    "cells": _cells,
}
