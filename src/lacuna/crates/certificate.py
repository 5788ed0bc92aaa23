"""The page of a whole paper's crate for its first reader: what was claimed, what holds, of what, and what differs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import markdown

from lacuna.catalogue.contents import contents_of
from lacuna.crates.verdicts import tally
from lacuna.files.artefacts import read_frame
from lacuna.language.pages import templates
from lacuna.plan.crates import Parts
from lacuna.plan.notes import notes_of
from lacuna.plan.plan import Plan
from lacuna.plan.shown import Kind

DIFFERENCES = {"defective": "docs/differences.md"}  # of other papers docs/differences-<paper>.md


def certificate(
    plan: Plan, parts: Parts, about: Mapping[str, Any], claims: Sequence[Mapping[str, Any]], figures: Iterable[str]
) -> str:
    """The page as HTML, which needs nothing but the files that lie beside it in the crate."""
    tables = [_table(plan, name) for name in parts.tables]
    named: list[tuple[Kind, str]] = [("table", name) for name in parts.tables]
    named += [("figure", name) for name in parts.figures]
    notes = {name: notes_of(plan.known, kind, name) for kind, name in named}
    stand_ins = {
        f"{one} in place of {what}": None
        for name in dict.fromkeys(name for _, name in named)
        for one, what in contents_of(plan, name).stand_ins.items()
    }
    images = [table["most"] for table in tables if table["cells"]]
    page = templates("lacuna.crates").get_template("certificate.html.j2")
    return page.render(
        about=about,
        claims=claims,
        tally=tally([dict(one) for one in claims]),
        tables=tables,
        figures=list(figures),
        images=f"{min(t['least'] for t in tables)} to {max(images)}" if images else "none",
        cells=sum(table["cells"] for table in tables),
        stand_ins=list(stand_ins),
        notes=_grouped(notes),
        differences=_differences(parts.paper),
    )


def _table(plan: Plan, name: str) -> dict[str, Any]:
    """A table in one line: how many cells, of how many images and trainings, beside print where that says something."""
    cells = read_frame(plan.published.table(name)[-1])
    both = cells[cells["value"].notna() & cells["printed"].notna()]
    counted = cells["n"][cells["n"] > 0]
    return {
        "name": name,
        "title": plan.lookup.tables[name][1]["title"],
        "dataset": plan.lookup.dataset_of(name),
        "papers_dataset": plan.lookup.tables[name][1]["dataset"],
        "cells": len(cells),
        "least": int(counted.min()) if len(counted) else 0,
        "most": int(counted.max()) if len(counted) else 0,
        "seeds": int(cells["seeds"].max()),
        "beside": len(both),
        "comparable": bool(len(both)) and bool(both["difference"].notna().all()),
    }


def _grouped(notes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Each sentence once, with the exhibits below which it stands."""
    sentences = dict.fromkeys(note for some in notes.values() for note in some)
    return {sentence: [name for name, some in notes.items() if sentence in some] for sentence in sentences}


def _differences(paper: str) -> str:
    """The page of what is followed where paper and code leave room, as HTML; empty where nobody wrote one."""
    file = Path(DIFFERENCES.get(paper, f"docs/differences-{paper}.md"))
    if not file.is_file():
        return ""
    return markdown.markdown(_without_links(file.read_text(encoding="utf-8")), extensions=["tables"])


def _without_links(text: str) -> str:
    """Markdown without its title, and without links to pages that are not in the crate."""
    body = text.partition("\n")[2] if text.startswith("# ") else text
    plain = re.sub(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", body)
    return re.sub(r"^##", "####", plain, flags=re.M)
