"""From a figure's YAML to the files it is drawn from and the settings of its plot. No torch here."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lacuna.codes import NO_SOURCE
from lacuna.data.classes import class_names

if TYPE_CHECKING:
    from lacuna.plan import Plan

Body = Mapping[str, Any]
Files = dict[str, list[str]]

IN_PANELS = {"heatmap", "sweep"}  # plots of a table whose columns say where they stand
PLACE = ("column", "panel", "x")


def role_of(body: Body) -> str:
    """The role of the dataset that a figure is about, where it is not a table's; the first line's for curves."""
    return str(body["dataset"] if "dataset" in body else body["lines"][0]["dataset"])


def files_of(plan: "Plan", body: Body, dataset: str) -> Files:
    """A figure's input files by name, as lacuna.reporting.figures wants them."""
    if "table" in body:
        return {"cells": [plan.path(dataset, "cells", f"{body['table']}.csv")]}
    return FILES[body["plot"]](plan, body, dataset)


def _masks(plan: "Plan", body: Body, dataset: str) -> Files:
    return {"checkpoints": plan.checkpoints(dataset, body["model"])}


def _diagram(plan: "Plan", body: Body, dataset: str) -> Files:
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


FILES: dict[str, Callable[["Plan", Body, str], Files]] = {
    "masks": _masks,
    "diagram": _diagram,
    "curves": _curves,
    "examples": _examples,
    "shuffled": _shuffled,
}


def settings_of(plan: "Plan", body: Body, dataset: str) -> dict[str, Any]:
    """The settings of a figure's plot: its own entry, and what its inputs do not tell."""
    if "table" in body:
        columns = plan.tables[body["table"]][1]["columns"]
        placed = [{key: column[key] for key in PLACE if key in column} for column in columns if "panel" in column]
        return {**body, "columns": placed} if placed and body["plot"] in IN_PANELS else dict(body)
    settings = {**body, "scale": plan.config.scale, "dataset": dataset, "paper_dataset": role_of(body)}
    if "model" in body:
        settings["network"] = plan.network_settings(dataset, body["model"])
    if body["plot"] in ("examples", "shuffled"):
        settings["classes"] = class_names(plan.config.datasets[dataset])
    if body["plot"] == "examples":
        settings["rows"] = [{"label": row["label"], "attack": row["code"]} for row in body["rows"]]
    if body["plot"] == "shuffled":
        settings |= {"attacks": plan.codes(body["attack"]), "networks": [*body["models"].values()]}
    return settings
