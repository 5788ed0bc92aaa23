"""Reports a table or a figure of the plan: its state, its cells, and the files behind it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lacuna.audit.cells import read_own_cells
from lacuna.audit.files import FileFindings, figure_artefacts, json_value, rendering_problems
from lacuna.audit.problems import Problem, judged, problem, worst_state
from lacuna.audit.published import PublishedFindings
from lacuna.claims.relations import key_text
from lacuna.files.artefacts import sha256
from lacuna.files.escapes import csv_text
from lacuna.language.codes import is_own
from lacuna.plan.notes import notes_of
from lacuna.plan.plan import Plan
from lacuna.plan.shown import Kind
from lacuna.reporting.left_out import left_out_sentences
from lacuna.reporting.origins import origin_lines
from lacuna.reporting.tables.render import table_texts, wide_table

SHARED = ("exhibit", "dataset", "scale")  # columns of the cells that are the same in each line


def report_table(plan: Plan, name: str, files: FileFindings, published: PublishedFindings) -> dict[str, Any]:
    """A table of the plan. It has no cells where it was not built, or where their bytes are not those recorded."""
    path = plan.published.table(name)[-1]
    entry = unbuilt_entry(plan, name, "table", f"tables/{name}.csv", published)
    if not files.here(path):
        return entry
    behind = [artefact.path for artefact in plan.inventory.artefacts(name)]
    problems = [*entry["problems"], *files.problems(behind)]
    entry |= {"files": behind, "problems": problems, "state": worst_state(problems)}
    if files.state(path) in ("tampered", "replaced", "missing"):
        return entry
    return judged(entry, path, lambda: _shown(plan, entry, read_own_cells(path), files))


def _shown(plan: Plan, entry: dict[str, Any], frame: pd.DataFrame, files: FileFindings) -> dict[str, Any]:
    """The entry of a table with its cells, and the problems of these."""
    name = entry["id"]
    cells = [cell_entry(line, f"{name}-{i}", files) for i, line in enumerate(frame.to_dict("records"), start=1)]
    lost = _lost(plan.published.table(name)[-1], cells)
    problems = [*entry["problems"], *lost, *_rendered(plan, name, frame)]
    shown = frame[frame["printed"].notna() & frame["value"].notna()]
    compared = bool(len(shown)) and bool(shown["difference"].notna().all())
    notes = [*entry["notes"], *_left_out(plan, name)]
    found = {"problems": problems, "state": worst_state(problems), "cells": cells, "comparable": compared}
    found["origin"] = " ".join(origin_lines([plan.published.table(name)[-1]]))
    return entry | found | {"notes": notes}


def report_figure(plan: Plan, name: str, files: FileFindings, published: PublishedFindings) -> dict[str, Any]:
    """A figure of the plan; ``image`` is the SVG file, where it is the one that was published.

    A figure has no record, but the files behind it have, and the note of its publication has its sha256.
    """
    svg, png = plan.published.figure(name)
    entry = unbuilt_entry(plan, name, "figure", f"figures/{name}.svg", published)
    if not Path(svg).is_file():
        return entry
    behind = [artefact.path for artefact in figure_artefacts(plan, name)]
    unvouched = [wrong for path in (svg, png) for wrong in _unvouched(path, name, published)]
    problems = [*entry["problems"], *files.problems(behind), *unvouched]
    image = svg if _is_vouched(svg, published) else None
    plot = plan.lookup.figures[name][1]["plot"]
    origin = " ".join(origin_lines(plan.inventory.drawn_from(name), plot if is_own(plot) else ""))
    found = {"state": worst_state(problems), "files": behind, "problems": problems, "image": image}
    return entry | found | {"origin": origin}


def _is_vouched(path: str, published: PublishedFindings) -> bool:
    """Whether a figure is the one of which the note of its publication has the sha256."""
    return Path(path).is_file() and published.vouched.get(path) == sha256(path)


def _unvouched(path: str, name: str, published: PublishedFindings) -> list[Problem]:
    """The problem of a figure that no note knows. Others are compared with their published copies already."""
    if path in published.vouched or not Path(path).is_file():
        return []
    why = f"no note of a publication has the sha256 of {path}; `snakemake --forcerun figure -- figures/{name}.svg`"
    return [problem("missing", path, f"{why} draws and publishes it")]


def unbuilt_entry(plan: Plan, name: str, kind: Kind, target: str, published: PublishedFindings) -> dict[str, Any]:
    """What is said of an exhibit that was not built, or of which only published files are here."""
    problems = published.problems(plan.published.note(kind, name))
    paper, body = (plan.lookup.tables if kind == "table" else plan.lookup.figures)[name]
    shared = {"id": name, "kind": kind, "paper": paper, "title": body["title"], "dataset": plan.lookup.dataset_of(name)}
    return shared | {
        "notes": notes_of(plan.known, kind, name),
        "target": target,
        "state": worst_state(problems) if problems else "not built",
        "problems": problems,
        "files": [],
        "cells": [],
        "comparable": False,
        "image": None,
        "origin": "",
    }


def cell_entry(line: Mapping[Any, Any], place: str, files: FileFindings) -> dict[str, Any]:
    """One cell: its columns, with None where they are empty, an id, and the files that its provenance leads to."""
    cell: dict[str, Any] = json_value({key: value for key, value in line.items() if key not in SHARED})
    cell["keep_prob"] = None if cell["keep_prob"] is None else key_text(cell["keep_prob"])
    digits = str(cell["provenance"]).split()
    return {"id": place, **cell, "files": [files.by_digits[d] for d in digits if d in files.by_digits], "claims": []}


def _lost(path: str, cells: list[dict[str, Any]]) -> list[Problem]:
    """The problem of cells that name records which no longer exist."""
    lost = [cell for cell in cells if len(cell["files"]) < len(str(cell["provenance"]).split())]
    if not lost:
        return []
    why = (
        f"{path}: the provenance of {len(lost)} of {len(cells)} cells leads to no file here, which was made again since"
    )
    return [problem("stale", path, why)]


def _left_out(plan: Plan, table: str) -> list[str]:
    """Sentences on the images that the table's selections leave out."""
    return left_out_sentences(plan.stages["table"].inputs(**plan.lookup.wildcards_of(table))["selections"])


def _rendered(plan: Plan, name: str, cells: pd.DataFrame) -> list[Problem]:
    """Problems of a table's renderings."""
    csv, md, tex, _ = plan.published.table(name)
    settings = plan.stages["table"].settings(**plan.lookup.wildcards_of(name))
    markdown, latex = table_texts(cells, settings, _left_out(plan, name))
    return rendering_problems({csv: csv_text(wide_table(cells)), md: markdown, tex: latex})
