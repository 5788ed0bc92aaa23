"""The numbers of a table, one line per cell, from outcomes. Rendering them is `lacuna.reporting`."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lacuna.names import ModelSpec, parse_model
from lacuna.statistics import wilson

COLUMNS = [
    *("exhibit", "row", "column", "target", "keep_prob", "variant", "source", "attack", "metric"),
    *("value", "unit", "n", "ci_low", "ci_high", "printed", "difference"),
    *("robust_accuracy_all", "sdr_common", "fooled_source_share"),
    *("dataset", "scale", "seeds", "provenance"),
]


def compute_cells(
    settings: Mapping[str, Any],
    outcomes: Mapping[tuple[str, str], pd.DataFrame],
    printed: pd.DataFrame,
    digests: Mapping[tuple[str, str], str],
) -> pd.DataFrame:
    """All cells of one table in printed order, columns as documented in docs/trace.md.

    ``settings`` are those of the rule cells; ``outcomes`` and ``digests`` (provenance) are keyed by (suite,
    target); ``printed`` has the paper's cells, with row, column, target, attack and value.
    """
    right_on_all = _right_on_all_rows(outcomes)
    paper = {(p.row, p.column, p.target): p for p in printed.itertuples()}
    lines = []
    for cell in settings["cells"]:
        spec, key = parse_model(cell["model"]), (cell["suite"], cell["target"])
        line = _identity(cell, spec) | _measure(cell, outcomes[key], right_on_all)
        line |= _against_paper(cell, line["value"], paper.get((cell["row"], cell["column"], spec.arch)), settings)
        line |= {"exhibit": settings["exhibit"], "dataset": settings["dataset"], "scale": settings["scale"]}
        lines.append(line | {"seeds": 1, "provenance": digests[key]})
    return pd.DataFrame(lines, columns=COLUMNS)


def _identity(cell: Mapping[str, str], spec: ModelSpec) -> dict[str, Any]:
    return {
        "row": cell["row"],
        "column": cell["column"],
        "target": spec.arch,
        "keep_prob": spec.keep_prob,
        "variant": "+".join(filter(None, [spec.variant, cell["defense"]])),
        "source": source_code(cell["source"]),
        "attack": cell["attack"],
        "metric": cell["metric"],
        "unit": "percent",
    }


def source_code(source: str) -> str:
    """Code of a source as in the printed tables: the architecture, ``bottom_0.5`` for a masked one; empty for none."""
    if not source:
        return ""
    spec = parse_model(source)
    return spec.arch if not spec.keep else f"{spec.variant}_{spec.keep_prob}"


def _measure(cell: Mapping[str, str], outcomes: pd.DataFrame, right_on_all: set[int]) -> dict[str, Any]:
    """Value, n and interval of one cell, and its companions.

    Defense rate: the share of adversarial examples labelled correctly, over those whose clean image the target
    gets right and that fool the source (Section 4 and appendix A.7). Test accuracy: over the whole test set.
    """
    rows = outcomes[(outcomes["attack"] == cell["attack"]) & (outcomes["source"] == cell["source"])]
    right, survived = rows["clean"] == rows["label"], rows["adversarial"] == rows["label"]
    if cell["metric"] == "test_accuracy":
        return _share(right)
    fooled = rows["source_adversarial"] != rows["label"]
    common = rows["image"].isin(right_on_all)
    return _share(survived[right & fooled]) | {
        "robust_accuracy_all": percent(survived),
        "sdr_common": percent(survived[common & fooled]),
        "fooled_source_share": percent(fooled),
    }


def _share(hits: pd.Series) -> dict[str, Any]:
    if not len(hits):
        return {"value": None, "n": 0, "ci_low": None, "ci_high": None}
    low, high = wilson(int(hits.sum()), len(hits))
    return {"value": percent(hits), "n": len(hits), "ci_low": round(100 * low, 4), "ci_high": round(100 * high, 4)}


def percent(hits: pd.Series) -> float | None:
    """Share of true values in percent, four digits; None of nothing."""
    return round(100 * float(hits.mean()), 4) if len(hits) else None


def _right_on_all_rows(outcomes: Mapping[tuple[str, str], pd.DataFrame]) -> set[int]:
    """Ids of the test images that every target of the table classifies correctly."""
    sets = []
    for frame in outcomes.values():
        clean = frame[frame["attack"] == "none"]
        sets.append(set(clean.loc[clean["clean"] == clean["label"], "image"]))
    return set.intersection(*sets)


def _against_paper(
    cell: Mapping[str, str], value: float | None, printed: Any, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The printed value, and the difference where dataset and attack are the paper's."""
    if printed is None:
        return {"printed": None, "difference": None}
    same = settings["dataset"] == settings["paper_dataset"] and cell["attack"] == printed.attack
    difference = round(value - printed.value, 4) if same and value is not None else None
    return {"printed": printed.value, "difference": difference}
