"""From a figure's YAML to the files it is drawn from and the settings of its plot. No torch here."""

from collections.abc import Callable, Mapping
from typing import Any

from lacuna.data.classes import class_names
from lacuna.language.attacks import attack_code
from lacuna.language.codes import NO_SOURCE
from lacuna.language.exhibits import IN_PANELS, role_of
from lacuna.plan.stage import Known

Body = Mapping[str, Any]
Files = dict[str, list[str]]

PLACE = ("column", "panel", "x")


def files_of(known: Known, body: Body, dataset: str) -> Files:
    """A figure's input files by name, as lacuna.reporting.readers.figures wants them."""
    if "table" in body:
        return {"cells": [known.paths.of("cells", "cells", dataset=dataset, exhibit=body["table"])]}
    return FILES[body["plot"]](known, body, dataset)


def _masks(known: Known, body: Body, dataset: str) -> Files:
    return {"checkpoints": known.networks.checkpoints(dataset, body["model"])}


def _nothing(known: Known, body: Body, dataset: str) -> Files:
    return {}


def _curves(known: Known, body: Body, dataset: str) -> Files:
    """A panel may be about another dataset; a line that two panels share is read twice."""
    lines = [(known.lookup.role(line["dataset"]), line["model"]) for line in body["lines"]]
    return {"histories": [known.paths.of("train", "history", dataset=dataset, model=model) for dataset, model in lines]}


def _examples(known: Known, body: Body, dataset: str) -> Files:
    sets = [_set(known, dataset, row["attack"], row["source"]) for row in body["rows"]]
    return {"images": [known.paths.of("dataset", "test", dataset=dataset)], "adversarial": sets}


def _set(known: Known, dataset: str, attack: str, source: str) -> str:
    return known.paths.of("attack", "adversarial", dataset=dataset, attack=attack, source=source)


def _shuffled(known: Known, body: Body, dataset: str) -> Files:
    return {
        "images": [known.paths.of("dataset", "test", dataset=dataset)],
        "adversarial": [_set(known, dataset, body["attack"], NO_SOURCE)],
        "outcomes": [
            known.paths.of("evaluate", "outcomes", dataset=dataset, suite=body["suite"], target=model)
            for model in body["models"]
        ],
    }


def _foregrounds(known: Known, body: Body, dataset: str) -> Files:
    foreground = known.paths.of("foreground", "foreground", dataset=dataset, split="test")
    return {"images": [known.paths.of("dataset", "test", dataset=dataset)], "foreground": [foreground]}


def _unsuspicious(known: Known, body: Body, dataset: str) -> Files:
    return {**_examples(known, body, dataset), **_foregrounds(known, body, dataset)}


def _gradients(known: Known, body: Body, dataset: str) -> Files:
    checkpoints = [path for model in body["models"] for path in known.networks.checkpoints(dataset, model)]
    return {**_foregrounds(known, body, dataset), "checkpoints": checkpoints}


def _examples_on(known: Known, body: Body, dataset: str) -> Files:
    """Examples, and the network that looks at them."""
    return {**_examples(known, body, dataset), "checkpoints": known.networks.checkpoints(dataset, _network(body))}


def _network(body: Body) -> str:
    """The network of a figure: the one it names, or the source of its only set."""
    return str(body["model"] if "model" in body else body["rows"][0]["source"])


FILES: dict[str, Callable[[Known, Body, str], Files]] = {
    "masks": _masks,
    "diagram": _nothing,
    "curves": _curves,
    "examples": _examples,
    "shuffled": _shuffled,
    "foregrounds": _foregrounds,
    "unsuspicious": _unsuspicious,
    "gradients": _gradients,
    "dropped": _examples,
    "ladder": _examples,
    "denoise": _examples_on,
    "attention": _examples_on,
    "spectrum": _examples,
    "rounding": _nothing,
    "pipeline": _examples_on,
}
WITHOUT_IMAGES = {"masks", "diagram", "curves", "rounding"}


def settings_of(known: Known, body: Body, dataset: str) -> dict[str, Any]:
    """The settings of a figure's plot: its own entry, and what its inputs do not tell."""
    plot = body["plot"]
    if "table" in body:
        columns = known.lookup.tables[body["table"]][1]["columns"]
        placed = [{key: column[key] for key in PLACE if key in column} for column in columns if "panel" in column]
        return {**body, "columns": placed} if placed and plot in IN_PANELS else dict(body)
    settings = {**body, "scale": known.lookup.config.scale, "dataset": dataset, "paper_dataset": role_of(body)}
    if plot not in WITHOUT_IMAGES:
        settings["classes"] = class_names(known.lookup.config.datasets[dataset])
    if "rows" in body:
        settings["rows"] = [{"label": row["label"], "attack": _code(known, row)} for row in body["rows"]]
    if "model" in body or FILES[plot] is _examples_on:
        settings["network"] = known.networks.settings(dataset, _network(body))
    return settings | (MORE[plot](known, body, dataset) if plot in MORE else {})


def _shuffles(known: Known, body: Body, dataset: str) -> dict[str, Any]:
    return {"attacks": known.lookup.codes(body["attack"]), "networks": [*body["models"].values()]}


def _several(known: Known, body: Body, dataset: str) -> dict[str, Any]:
    return {"networks": known.networks.several(dataset, [*body["models"]]), "names": [*body["models"].values()]}


def _of_foreground(known: Known, body: Body, dataset: str) -> dict[str, Any]:
    return dict(known.lookup.config.datasets[dataset]["foreground"])


def _defense(known: Known, body: Body, dataset: str) -> dict[str, Any]:
    return {"defense": known.lookup.exhibits.parts["defenses"][body["defense"]], "purifier": body["defense"]}


def _budget(known: Known, body: Body, dataset: str) -> dict[str, Any]:
    (row,) = body["rows"]
    attack = known.lookup.attack(row["attack"])
    return {"budget": next(b for b in attack["budgets"] if attack_code(attack["method"], b) == _code(known, row))}


def _code(known: Known, row: Mapping[str, Any]) -> str:
    """The code of a row's budget, written out or given by its place."""
    return str(row["code"]) if "code" in row else known.lookup.codes(row["attack"])[row["budget"]]


def _panels(known: Known, body: Body, dataset: str) -> dict[str, Any]:
    """The lines, the heading of a panel about the paper's dataset saying what plays its part."""
    placed = [(line, known.lookup.role(line["dataset"])) for line in body["lines"]]
    return {"lines": [line | {"panel": _heading(line["panel"], line["dataset"], used)} for line, used in placed]}


def _heading(panel: str, role: str, used: str) -> str:
    return panel if used == role else f"{used} in place of {panel}"


MORE: dict[str, Callable[[Known, Body, str], dict[str, Any]]] = {
    "curves": _panels,
    "shuffled": _shuffles,
    "gradients": _several,
    "unsuspicious": _of_foreground,
    "denoise": _defense,
    "pipeline": _budget,
}
