"""Renders the report as one HTML page that needs nothing else: styles, script and figures are inside."""

import base64
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lacuna.audit.borrowing import spreads_line
from lacuna.audit.gather import VERDICTS, claims_line, summary_line
from lacuna.jobs.progress import clock
from lacuna.language.codes import PERCENT
from lacuna.language.pages import templates
from lacuna.language.symbols import with_symbols
from lacuna.reporting.tables.render import UNIT_WORDS, format_number
from lacuna.trace import shorten_settings

SHADES = 10  # the darkest shade of the heat map; the lightest is 0
SHOWN = {  # the columns that the page has a place for; further columns of cells stand beside them as they are
    *("id", "row", "column", "target", "keep_prob", "variant", "source", "attack", "metric", "value", "unit", "n"),
    *("ci_low", "ci_high", "printed", "difference", "seeds", "seed_low", "seed_high", "provenance", "files", "claims"),
}


def render_page(report: Mapping[str, Any], intro: str = "") -> str:
    """The page of a report (`lacuna.audit.gather.gather`). Figures are read from the working directory.

    ``intro`` takes the place of the first lines, where the report is not of a run that lies here.
    """
    places = {file["path"]: f"f-{i}" for i, file in enumerate(report["files"])}
    built = [exhibit for exhibit in report["exhibits"] if exhibit["cells"]]
    tables = [{**one, "rows": _rows(one["cells"]), "companions": _companions(one["cells"])} for one in built]
    lines = {"line": summary_line(report), "claims": claims_line(report["summary"]), "spreads": spreads_line(built)}
    shown = {"tables": tables, "places": places, "verdicts": VERDICTS, **lines}
    return _PAGES.get_template("audit.html.j2").render(report=report, intro=intro, **shown)


def _companions(cells: list[dict[str, Any]]) -> list[str]:
    """Columns of the cells that are not empty and have no place of their own on the page."""
    return [name for name in cells[0] if name not in SHOWN and any(cell[name] is not None for cell in cells)]


def _rows(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cells by row, as the paper prints them, each with the shades of the paper's number and of ours."""
    scales = {unit: _range([c for c in cells if c["unit"] == unit]) for unit in {cell["unit"] for cell in cells}}
    columns = list(dict.fromkeys(cell["column"] for cell in cells))
    rows: dict[tuple[Any, Any], dict[str, Any]] = {}
    for cell in cells:
        shades = {f"{key}_level": _level(cell[key], *scales[cell["unit"]]) for key in ("value", "printed")}
        rows.setdefault((cell["target"], cell["row"]), {}).setdefault(cell["column"], cell | shades)
    return [
        {"target": target or "", "row": row, "cells": {column: found.get(column) for column in columns}}
        for (target, row), found in rows.items()
    ]


def _range(cells: list[dict[str, Any]]) -> tuple[float, float]:
    """The numbers of the lightest and the darkest shade: 0 and 100 percent, else the smallest and largest number."""
    if cells[0]["unit"] == PERCENT:
        return 0.0, 100.0
    values = [cell[key] for cell in cells for key in ("value", "printed") if cell[key] is not None]
    return (min(values), max(values)) if values else (0.0, 0.0)


def _level(value: float | None, low: float, high: float) -> int | None:
    if value is None or not math.isfinite(value) or high <= low:
        return None
    return round(SHADES * min(1, max(0, (value - low) / (high - low))))


def _svg(path: str) -> str:
    """A figure as a data URI. It stands apart from the page, since two figures may use the same ids."""
    return "data:image/svg+xml;base64," + base64.b64encode(Path(path).read_bytes()).decode()


def _settings(settings: Mapping[str, Any]) -> str:
    return json.dumps(shorten_settings(dict(settings)), sort_keys=True, indent=1, ensure_ascii=False)


def _size(size: float) -> str:
    """A number of bytes as 12.3 MB."""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _unit(unit: str) -> str:
    return UNIT_WORDS.get(unit, unit)


_PAGES = templates("lacuna.audit")
_PAGES.filters |= {
    "number": format_number,
    "svg": _svg,
    "settings": _settings,
    "size": _size,
    "unit": _unit,
    "clock": clock,
    "symbols": with_symbols,
}
