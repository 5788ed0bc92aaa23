"""Compares the pattern of a table with the paper's, where the numbers themselves cannot be compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from lacuna.language.codes import PERCENT, is_own
from lacuna.numbers.metrics import DISTANCE
from lacuna.numbers.statistics import rank_correlation

PLURALS = {"accuracy": "accuracies", "rate": "rates", "score": "scores"}


@dataclass(frozen=True)
class Pattern:
    """How far the pattern of a table agrees with that of the printed table.

    ``pairs`` counts pairs of rows of one architecture in one column. ``agree`` counts the pairs that differ in the
    paper's direction, ``clear`` those whose 95 % intervals do not overlap, ``clear_agree`` those that do both.
    """

    cells: int
    rank_correlation: float
    pairs: int
    agree: int
    clear: int
    clear_agree: int


def compare_with_paper(cells: pd.DataFrame) -> Pattern | None:
    """The pattern over all cells under attack that have a printed value; None where there are none."""
    rated = _rated(cells)
    if rated.empty:
        return None
    pairs = [
        _pair(a, b)
        for _, group in rated.groupby(["target", "column"], sort=False)
        for a, b in combinations(group.to_dict("records"), 2)
        if a["printed"] != b["printed"]
    ]
    return Pattern(
        cells=len(rated),
        rank_correlation=rank_correlation(rated["value"], rated["printed"]),
        pairs=len(pairs),
        agree=sum(same for same, _ in pairs),
        clear=sum(clear for _, clear in pairs),
        clear_agree=sum(same and clear for same, clear in pairs),
    )


def _attacked(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of all metrics but the clean test accuracy."""
    return cells[cells["metric"] != "test_accuracy"]


def _rated(cells: pd.DataFrame) -> pd.DataFrame:
    """Those of them that have a printed value, and a value of ours."""
    attacked = _attacked(cells)
    return attacked[attacked["printed"].notna() & attacked["value"].notna()]


def plural_metric(metric: str) -> str:
    """The plural of a metric in words: ``defense rates``, ``bounded accuracies (8 bit)``, ``numbers of mine:kept``."""
    if is_own(metric):
        return f"numbers of {metric}"
    *words, last = metric.removesuffix("_8bit").split("_")
    return " ".join([*words, PLURALS.get(last, last)]) + (" (8 bit)" if metric.endswith("_8bit") else "")


def count_range(counts: pd.Series) -> str:
    """The range of the counts, ``71 to 100``, or their one number."""
    return " to ".join(dict.fromkeys(f"{count:.0f}" for count in (counts.min(), counts.max())))


def _pair(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> tuple[bool, bool]:
    """Whether two cells differ in the paper's direction, and whether their intervals do not overlap."""
    same = (a["value"] - b["value"]) * (a["printed"] - b["printed"]) > 0
    return same, a["ci_low"] > b["ci_high"] or b["ci_low"] > a["ci_high"]


def means_by_variant(cells: pd.DataFrame) -> pd.DataFrame:
    """Mean of our and of the printed numbers, per variant and keep probability, over cells that have both."""
    rated = _rated(cells).copy()
    keep = rated["keep_prob"].map(lambda p: "" if pd.isna(p) or p == "" else f" {p}")
    rated["network"] = rated["variant"] + keep
    return rated.groupby("network", sort=False)[["value", "printed"]].mean()


def pattern_sentences(cells: pd.DataFrame) -> list[str]:
    """Two or three sentences on the pattern, for a terminal and for the Markdown table."""
    pattern = compare_with_paper(cells)
    if pattern is None:
        return ["No cell has a printed value to compare with."]
    rated = _rated(cells)
    metrics = list(dict.fromkeys(rated["metric"]))
    kinds = ", ".join(plural_metric(metric) for metric in metrics)
    form = ".1e" if set(rated["unit"]) == {DISTANCE} else ".1f"
    unit = " in percent" if set(rated["unit"]) == {PERCENT} else ""
    means = "; ".join(
        f"{name} {row.value:{form}} (paper {row.printed:{form}})" for name, row in means_by_variant(cells).iterrows()
    )
    return [
        f"Mean {', '.join(metric.replace('_', ' ') for metric in metrics)}{unit}: {means}.",
        f"Two rows of one architecture differ in the paper's direction in {pattern.agree} of {pattern.pairs} pairs; "
        f"of the {pattern.clear} pairs whose 95 % intervals do not overlap, in {pattern.clear_agree}.",
        f"Spearman rank correlation with the {pattern.cells} printed {kinds}: {pattern.rank_correlation:.2f}.",
    ]
