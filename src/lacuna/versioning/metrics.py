"""A table's main numbers, its cells and its trainings as DVC reads them: `dvc metrics` and `dvc plots`. No torch."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lacuna.files.artefacts import stable_part, text_digest
from lacuna.language.codes import PERCENT

FEW = 5  # designs of networks that have a mean each; of more, and of clean accuracies, only the whole mean is said
CLEAN = "test_accuracy"
DIGITS = 4  # significant, of a mean
PLOTTED = ["network", "column", "metric", "value", "ci_low", "ci_high", "printed"]


def main_numbers(cells: pd.DataFrame) -> dict[str, Any]:
    """Scale, dataset, number of cells, and for each metric the mean of the cells, also for each design of networks.

    ``cells`` are those of one table. Of a table with shares in percent only these count. A design is a variant with its
    keep probability; of more than `FEW` designs the means would hide each other.
    """
    shares = cells[cells["unit"] == PERCENT]
    counted = (cells if shares.empty else shares).dropna(subset=["value"])
    first = cells.iloc[0]
    about = {"scale": str(first["scale"]), "dataset": str(first["dataset"]), "cells": len(cells)}
    return about | {str(metric): _means(str(metric), group) for metric, group in counted.groupby("metric", sort=False)}


def _means(metric: str, cells: pd.DataFrame) -> dict[str, float]:
    """The mean of the cells of one metric, then those of its designs."""
    keep = cells["keep_prob"].map(lambda p: "" if pd.isna(p) or p == "" else f"_{p}")
    designs = cells["value"].groupby(cells["variant"].fillna("").astype(str) + keep, sort=False).mean()
    split = designs if metric != CLEAN and 1 < len(designs) <= FEW else designs[:0]
    means = {"mean": cells["value"].mean(), **{str(name): mean for name, mean in split.items()}}
    return {name: float(f"{mean:.{DIGITS}g}") for name, mean in means.items()}


def rates(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells in percent, one line each, with the columns `PLOTTED`: a table without any gives no line."""
    shares = cells[cells["unit"] == PERCENT].dropna(subset=["value"])
    several = cells.groupby("row")["target"].nunique().gt(1).any()
    network = shares["target"].astype(str) + " " + shares["row"].astype(str) if several else shares["row"]
    return shares.assign(network=network)[PLOTTED]


def courses(histories: Mapping[str, str]) -> pd.DataFrame:
    """The epochs of several trainings, whose histories are by the names of their networks."""
    frames = [pd.read_csv(path).assign(network=name) for name, path in histories.items()]
    return pd.concat([pd.DataFrame(columns=["epoch", "network"]), *(frame for frame in frames if len(frame))])


def collected(paths: Iterable[str]) -> dict[str, Any]:
    """How many files a collection has, how large they are, and a digest of all that their records say of them."""
    files = sorted(paths)
    recorded = "\n".join(f"{path} {stable_part(path)['sha256']}" for path in files)
    megabytes = sum(Path(path).stat().st_size for path in files) / 1e6
    return {"files": len(files), "megabytes": round(megabytes, 1), "digest": text_digest(recorded)[:16]}


def as_json(numbers: Mapping[str, Any]) -> str:
    """The text of a file of metrics."""
    return json.dumps(numbers, indent=1) + "\n"
