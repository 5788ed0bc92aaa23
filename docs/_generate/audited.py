"""The audit's page of the committed results of the demo: their cells, verdicts, records, and figures drawn from cells.

The files behind the cells are not in the repository, so that nothing is said of them. No torch here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from committed import RESULTS, drawn_from_cells, laid_out

from lacuna.audit.cells import read_own_cells
from lacuna.audit.claim_reports import COUNTS
from lacuna.audit.exhibit_reports import cell_entry, unbuilt_entry
from lacuna.audit.files import json_value
from lacuna.audit.gather import FORMAT, made_now, summarise
from lacuna.audit.page import render_page
from lacuna.audit.published import PublishedFindings
from lacuna.files.artefacts import read_csv, read_record
from lacuna.plan.plan import Plan

ABOUT = (
    "This page has the tables and verdicts of the demo that the repository holds, and the figures that are drawn from "
    "these tables. Each file of cells was compared with its record when this site was built. The images, weights and "
    "outcomes behind the cells are not in the repository, so this page cannot follow a cell to them; in a checkout "
    "that has built them, the command snakemake audit writes a page that does."
)


def page(root: Path) -> str:
    """The page as HTML. Raises `LacunaError` where a committed file of cells is not the one that its record states."""
    with laid_out(root) as plan:
        return render_page(report(root, plan), ABOUT)


def report(root: Path, plan: Plan) -> dict[str, Any]:
    """What the page shows, as the audit's JSON has it. The working directory is that of `laid_out`."""
    tables = [_table(plan, name) for name in plan.lookup.tables if Path(plan.published.table(name)[-1]).is_file()]
    figures = [_figure(plan, path) for path in drawn_from_cells(root, plan)]
    papers = [_claims(root, plan, paper) for paper in plan.lookup.claimed]
    files = [_file(path) for table in tables for path in table["files"]]
    exhibits = [*tables, *{figure["id"]: figure for figure in figures}.values()]
    return {
        "format": FORMAT,
        "scale": plan.config.scale,
        "seed": plan.config.seed,
        "made": made_now(),
        "summary": summarise(exhibits, papers, files, []) | {"published": 0, "published_elsewhere": 0},
        "problems": [],
        "exhibits": exhibits,
        "papers": [paper for paper in papers if paper["claims"]],
        "published": {},
        "files": files,
        "baseline": None,
    }


def _table(plan: Plan, name: str) -> dict[str, Any]:
    path = plan.published.table(name)[-1]
    frame = read_own_cells(path)
    untraced: Any = SimpleNamespace(by_digits={})
    cells = [cell_entry(line, f"{name}-{i}", untraced) for i, line in enumerate(frame.to_dict("records"), start=1)]
    entry = unbuilt_entry(plan, name, "table", f"tables/{name}.csv", PublishedFindings())
    return entry | {"state": "built", "files": [path], "cells": cells}


def _figure(plan: Plan, path: Path) -> dict[str, Any]:
    entry = unbuilt_entry(plan, path.stem, "figure", f"figures/{path.stem}.svg", PublishedFindings())
    return entry | {"state": "built", "image": str(path.with_suffix(".svg"))}


def _claims(root: Path, plan: Plan, paper: str) -> dict[str, Any]:
    """The committed verdicts on a paper's claims, without the comparisons, which are not committed."""
    found = sorted((root / RESULTS).rglob(f"{paper}-claims.csv"))[:1]
    lines = [json_value(line) for path in found for line in read_csv(path).to_dict("records")]
    claims = [line | {key: int(line[key] or 0) for key in COUNTS} | {"pairs": []} for line in lines]
    titled = {"paper": paper, "title": plan.config.papers[paper]["title"], "target": f"tables/{paper}-claims.csv"}
    return titled | {"state": "built", "problems": [], "files": [], "claims": claims}


def _file(path: str) -> dict[str, Any]:
    """What the record of a file of cells says. `read_own_cells` has compared the two."""
    record = read_record(path)
    stable: Mapping[str, Any] = record.stable
    known: Sequence[str] = ("sha256", "settings_digest", "settings", "facts", "inputs", "versions")
    return {
        "path": path,
        "stage": "cells",
        "state": "agrees",
        "why": "",
        "size": Path(path).stat().st_size,
        "format": record.format,
        "held": True,
        "provenance": record.digest[:16],
        **{key: json_value(stable.get(key)) for key in known},
        "made": json_value({key: value for key, value in record.volatile.items() if key != "code"}),
        "other_code": [],
    }
