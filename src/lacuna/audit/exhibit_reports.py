"""Reports a table or a figure of the plan: its state, its cells, and the files behind it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lacuna.audit.files import (
    FileFindings,
    copy_problems,
    figure_artefacts,
    json_value,
    rendering_problems,
    worst_state,
)
from lacuna.claims.relations import key_text
from lacuna.files.artefacts import read_frame
from lacuna.files.escapes import csv_text
from lacuna.plan.plan import Plan
from lacuna.reporting.tables.render import table_latex, table_markdown, wide_table

SHARED = ("exhibit", "dataset", "scale")  # columns of the cells that are the same in each line


def report_table(plan: Plan, name: str, files: FileFindings) -> dict[str, Any]:
    """A table of the plan. It has no cells where it was not built, or where their bytes are not those recorded."""
    path = plan.published.table(name)[-1]
    entry = _entry(plan, name, "table", f"tables/{name}.csv")
    if not files.here(path):
        return entry
    behind = [artefact.path for artefact in plan.inventory.artefacts(name)]
    problems = files.problems(behind)
    entry |= {"files": behind, "problems": problems}
    if files.state(path) in ("tampered", "missing"):
        return entry | {"state": worst_state(problems)}
    frame = read_frame(path)
    cells = [_cell(line, f"{name}-{i}", files) for i, line in enumerate(frame.to_dict("records"), start=1)]
    problems += _lost(path, cells) + _rendered(plan, name, frame)
    shown = frame[frame["printed"].notna() & frame["value"].notna()]
    compared = bool(len(shown)) and bool(shown["difference"].notna().all())
    return entry | {"state": worst_state(problems), "cells": cells, "comparable": compared}


def report_figure(plan: Plan, name: str, files: FileFindings) -> dict[str, Any]:
    """A figure of the plan; ``image`` is the SVG file. A figure has no record, but the files behind it have."""
    svg, png = plan.published.figure(name)
    entry = _entry(plan, name, "figure", f"figures/{name}.svg") | {"image": None}
    if not Path(svg).is_file():
        return entry
    behind = [artefact.path for artefact in figure_artefacts(plan, name)]
    problems = files.problems(behind)
    published = f"figures/{name}.svg"
    if Path(published).is_file() and f"Scale {plan.config.scale}," in Path(published).read_text(encoding="utf-8"):
        problems += copy_problems({published: svg, f"figures/{name}.png": png})
    return entry | {"state": worst_state(problems), "files": behind, "problems": problems, "image": svg}


def _entry(plan: Plan, name: str, kind: str, target: str) -> dict[str, Any]:
    paper, body = (plan.lookup.tables if kind == "table" else plan.lookup.figures)[name]
    shared = {"id": name, "kind": kind, "paper": paper, "title": body["title"], "dataset": plan.lookup.dataset_of(name)}
    return shared | {
        "notes": plan.lookup.notes(name),
        "target": target,
        "state": "not built",
        "problems": [],
        "files": [],
        "cells": [],
        "comparable": False,
    }


def _cell(line: Mapping[Any, Any], place: str, files: FileFindings) -> dict[str, Any]:
    """One cell: its columns, with None where they are empty, an id, and the files that its provenance leads to."""
    cell: dict[str, Any] = json_value({key: value for key, value in line.items() if key not in SHARED})
    cell["keep_prob"] = None if cell["keep_prob"] is None else key_text(cell["keep_prob"])
    digits = str(cell["provenance"]).split()
    return {"id": place, **cell, "files": [files.by_digits[d] for d in digits if d in files.by_digits], "claims": []}


def _lost(path: str, cells: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The problem of cells that name records which no longer exist."""
    lost = [cell for cell in cells if len(cell["files"]) < len(str(cell["provenance"]).split())]
    if not lost:
        return []
    why = (
        f"{path}: the provenance of {len(lost)} of {len(cells)} cells leads to no file here, which was made again since"
    )
    return [{"path": path, "state": "stale", "why": why}]


def _rendered(plan: Plan, name: str, cells: pd.DataFrame) -> list[dict[str, str]]:
    """Problems of a table's renderings, and of their published copies where these are of this scale."""
    csv, md, tex, path = plan.published.table(name)
    settings = plan.stages["table"].settings(**plan.lookup.wildcards_of(name))
    titles = {key: value for key, value in settings.items() if key != "exhibit"}
    texts = {csv: csv_text(wide_table(cells))}
    texts |= {md: table_markdown(cells, **titles), tex: table_latex(cells, **titles)}
    copies = {
        f"tables/{name}.{ending}": file for ending, file in zip(("csv", "md", "tex"), (csv, md, tex), strict=True)
    }
    copies[f"tables/{name}.cells.csv"] = path
    published = _is_of(f"tables/{name}.cells.csv", plan.config.scale)
    return rendering_problems(texts) + (copy_problems(copies) if published else [])


def _is_of(cells: str, scale: str) -> bool:
    """Whether a published file of cells exists and is of this scale. A file that does not say so counts as well."""
    if not Path(cells).is_file():
        return False
    try:
        return bool((pd.read_csv(cells)["scale"] == scale).all())
    except (KeyError, ValueError):
        return True
