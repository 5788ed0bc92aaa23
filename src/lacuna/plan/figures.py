"""From a figure's YAML to the files it is drawn from and the settings of its plot. No torch here."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lacuna.data.classes import class_names
from lacuna.language.attacks import attack_code
from lacuna.language.codes import NO_SOURCE
from lacuna.language.exhibits import IN_PANELS, role_of

if TYPE_CHECKING:
    from lacuna.plan.plan import Plan

Body = Mapping[str, Any]
Files = dict[str, list[str]]

PLACE = ("column", "panel", "x")


def files_of(plan: "Plan", body: Body, dataset: str) -> Files:
    """A figure's input files by name, as lacuna.reporting.readers.figures wants them."""
    if "table" in body:
        return {"cells": [plan.path(dataset, "cells", f"{body['table']}.csv")]}
    return FILES[body["plot"]](plan, body, dataset)


def _masks(plan: "Plan", body: Body, dataset: str) -> Files:
    return {"checkpoints": plan.checkpoints(dataset, body["model"])}


def _nothing(plan: "Plan", body: Body, dataset: str) -> Files:
    return {}


def _curves(plan: "Plan", body: Body, dataset: str) -> Files:
    """A panel may be about another dataset; a line that two panels share is read twice."""
    lines = [(plan.role(line["dataset"]), line["model"]) for line in body["lines"]]
    return {"histories": [plan.path(dataset, "train", f"{model}.history.csv") for dataset, model in lines]}


def _examples(plan: "Plan", body: Body, dataset: str) -> Files:
    sets = [plan.path(dataset, "attack", f"{row['attack']}/{row['source']}.safetensors") for row in body["rows"]]
    return {"images": [plan.path(dataset, "dataset", "test.safetensors")], "adversarial": sets}


def _shuffled(plan: "Plan", body: Body, dataset: str) -> Files:
    return {
        "images": [plan.path(dataset, "dataset", "test.safetensors")],
        "adversarial": [plan.path(dataset, "attack", f"{body['attack']}/{NO_SOURCE}.safetensors")],
        "outcomes": [plan.path(dataset, "evaluate", f"{body['suite']}/{model}.parquet") for model in body["models"]],
    }


def _foregrounds(plan: "Plan", body: Body, dataset: str) -> Files:
    foreground = plan.path(dataset, "foreground", "test.safetensors")
    return {"images": [plan.path(dataset, "dataset", "test.safetensors")], "foreground": [foreground]}


def _unsuspicious(plan: "Plan", body: Body, dataset: str) -> Files:
    return {**_examples(plan, body, dataset), **_foregrounds(plan, body, dataset)}


def _gradients(plan: "Plan", body: Body, dataset: str) -> Files:
    checkpoints = [path for model in body["models"] for path in plan.checkpoints(dataset, model)]
    return {**_foregrounds(plan, body, dataset), "checkpoints": checkpoints}


def _examples_on(plan: "Plan", body: Body, dataset: str) -> Files:
    """Examples, and the network that looks at them."""
    return {**_examples(plan, body, dataset), "checkpoints": plan.checkpoints(dataset, _network(body))}


def _network(body: Body) -> str:
    """The network of a figure: the one it names, or the source of its only set."""
    return str(body["model"] if "model" in body else body["rows"][0]["source"])


FILES: dict[str, Callable[["Plan", Body, str], Files]] = {
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


def settings_of(plan: "Plan", body: Body, dataset: str) -> dict[str, Any]:
    """The settings of a figure's plot: its own entry, and what its inputs do not tell."""
    plot = body["plot"]
    if "table" in body:
        columns = plan.tables[body["table"]][1]["columns"]
        placed = [{key: column[key] for key in PLACE if key in column} for column in columns if "panel" in column]
        return {**body, "columns": placed} if placed and plot in IN_PANELS else dict(body)
    settings = {**body, "scale": plan.config.scale, "dataset": dataset, "paper_dataset": role_of(body)}
    if plot not in WITHOUT_IMAGES:
        settings["classes"] = class_names(plan.config.datasets[dataset])
    if "rows" in body:
        settings["rows"] = [{"label": row["label"], "attack": _code(plan, row)} for row in body["rows"]]
    if "model" in body or FILES[plot] is _examples_on:
        settings["network"] = plan.network_settings(dataset, _network(body))
    return settings | (MORE[plot](plan, body, dataset) if plot in MORE else {})


def _shuffles(plan: "Plan", body: Body, dataset: str) -> dict[str, Any]:
    return {"attacks": plan.codes(body["attack"]), "networks": [*body["models"].values()]}


def _several(plan: "Plan", body: Body, dataset: str) -> dict[str, Any]:
    return {"networks": plan.networks(dataset, [*body["models"]]), "names": [*body["models"].values()]}


def _of_foreground(plan: "Plan", body: Body, dataset: str) -> dict[str, Any]:
    return dict(plan.config.datasets[dataset]["foreground"])


def _defense(plan: "Plan", body: Body, dataset: str) -> dict[str, Any]:
    return {"defense": plan.exhibits.parts["defenses"][body["defense"]], "purifier": body["defense"]}


def _budget(plan: "Plan", body: Body, dataset: str) -> dict[str, Any]:
    (row,) = body["rows"]
    attack = plan.attack(row["attack"])
    return {"budget": next(b for b in attack["budgets"] if attack_code(attack["method"], b) == _code(plan, row))}


def _code(plan: "Plan", row: Mapping[str, Any]) -> str:
    """The code of a row's budget, written out or given by its place."""
    return str(row["code"]) if "code" in row else plan.codes(row["attack"])[row["budget"]]


def _panels(plan: "Plan", body: Body, dataset: str) -> dict[str, Any]:
    """The lines, the heading of a panel about the paper's dataset saying what plays its part."""
    placed = [(line, plan.role(line["dataset"])) for line in body["lines"]]
    return {"lines": [line | {"panel": _heading(line["panel"], line["dataset"], used)} for line, used in placed]}


def _heading(panel: str, role: str, used: str) -> str:
    return panel if used == role else f"{used} in place of {panel}"


MORE: dict[str, Callable[["Plan", Body, str], dict[str, Any]]] = {
    "curves": _panels,
    "shuffled": _shuffles,
    "gradients": _several,
    "unsuspicious": _of_foreground,
    "denoise": _defense,
    "pipeline": _budget,
}
