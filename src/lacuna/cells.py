"""The numbers of a table, one line per cell, from outcomes. Rendering them is `lacuna.reporting`."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lacuna.codes import MEASURED, Ensembles, arch_code, network_of, place_of, source_code, variant_code
from lacuna.exhibits import CLEAN_METRICS
from lacuna.metrics import PERCENT, digits, fooled, percent, rows_of, sample, summarise, unit_of, with_source

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

    ``settings`` are those of the rule cells; its ``ensembles`` (optional) name the members of every ensemble among
    the cells' models. ``outcomes`` and ``digests`` (provenance) are keyed by `place_of`; ``printed`` has the
    paper's cells, with row, column, target (empty where the paper does not name it), attack and value.
    """
    right_on_all = _right_on_all_rows(outcomes)
    targets = printed["target"].astype(object).where(printed["target"].notna(), "")
    paper = {(p.row, p.column, target): p for p, target in zip(printed.itertuples(), targets, strict=True)}
    lines = []
    for cell in settings["cells"]:
        line = identity(cell, settings.get("ensembles", {})) | _measure(cell, outcomes, right_on_all)
        place = (cell["row"], cell["column"])
        theirs = paper.get((*place, line["target"]), paper.get((*place, "")))
        line |= _against_paper(cell, line, theirs, settings)
        line |= {"exhibit": settings["exhibit"], "dataset": settings["dataset"], "scale": settings["scale"]}
        lines.append(line | {"seeds": 1, "provenance": digests[place_of(cell)]})
    return pd.DataFrame(lines, columns=COLUMNS)


def identity(cell: Mapping[str, Any], ensembles: Ensembles) -> dict[str, Any]:
    """What a cell is a number of, in the codes of the printed tables; ``self`` is a white-box source."""
    model, source = cell["model"], cell["source"]
    spec = network_of(model, ensembles)
    return {
        "row": cell["row"],
        "column": cell["column"],
        "target": arch_code(spec.arch),
        "keep_prob": spec.keep_prob,
        "variant": "+".join(filter(None, [variant_code(model, source, ensembles), cell["defense"]])),
        "source": "self" if source == model else source_code(source, ensembles),
        "attack": _attack_code(cell),
        "metric": cell["metric"],
        "unit": unit_of(cell["metric"]),
    }


def _attack_code(cell: Mapping[str, Any]) -> str:
    """The attack's code, and the radius within which it counts: ``certified_r0.5``, ``cw_k0_r2``."""
    if cell["metric"] == "certified_accuracy":
        return f"certified_r{cell['radius']:g}"
    return f"{cell['attack']}_r{cell['radius']:g}" if cell["metric"] == "bounded_accuracy" else cell["attack"]


def _measure(
    cell: Mapping[str, Any], outcomes: Mapping[tuple[str, str], pd.DataFrame], right_on_all: set[int]
) -> dict[str, Any]:
    """Value, n and interval of one cell, and its companions."""
    measured = summarise(sample(cell, outcomes))
    if cell["metric"] in CLEAN_METRICS or cell.get("measured"):
        return measured
    rows = rows_of(cell, outcomes)
    if not with_source(rows).any():
        return measured
    fools = fooled(rows)
    measured["fooled_source_share"] = percent(fools)
    if cell["metric"] == "defense_rate":
        survived = (rows["adversarial"] == rows["label"]).to_numpy()
        common = rows["image"].isin(right_on_all).to_numpy()
        measured["robust_accuracy_all"] = percent(survived[rows["valid"].to_numpy()])
        measured["sdr_common"] = percent(survived[common & fools])
    return measured


def _right_on_all_rows(outcomes: Mapping[tuple[str, str], pd.DataFrame]) -> set[int]:
    """Ids of the test images that every target of the table classifies correctly."""
    sets = []
    for (suite, _), frame in outcomes.items():
        if suite.startswith(MEASURED):
            continue
        clean = frame[frame["attack"] == "none"]
        sets.append(set(clean.loc[clean["clean"] == clean["label"], "image"]))
    return set.intersection(*sets) if sets else set()


def _against_paper(
    cell: Mapping[str, Any], line: Mapping[str, Any], printed: Any, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The printed value, and the difference where dataset and attack are the paper's."""
    if printed is None:
        return {"printed": None, "difference": None}
    same = settings["dataset"] == settings["paper_dataset"] and cell["attack"] == printed.attack
    if not same or line["value"] is None:
        return {"printed": printed.value, "difference": None}
    difference = line["value"] - printed.value
    rounded = round(difference, 4) if line["unit"] == PERCENT else digits(difference)
    return {"printed": printed.value, "difference": rounded}
