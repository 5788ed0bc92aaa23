"""What plots of a table's cells share. No torch here."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lacuna.errors import LacunaError
from lacuna.reporting.plots.core.plot import Body, Files, Settings

if TYPE_CHECKING:
    from lacuna.config.figures import Entry
    from lacuna.plan.figures import FigurePlan

PLACE = ("column", "panel", "x")  # what a column of a table says of where it stands


def columns_of(entry: "Entry") -> list[Body]:
    """The columns of the entry's table."""
    return list(entry.content["tables"][entry.body["table"]]["columns"])


def check_places(entry: "Entry", columns: Iterable[Body], needed: str) -> None:
    """Raises `LacunaError` for the first of these columns that lacks the key ``needed``."""
    for column in columns:
        if needed not in column:
            where = f"{entry.paper.file}, key tables.{entry.body['table']}.columns"
            raise LacunaError(
                f"{where}: '{column['column']}' has no {needed}; {entry.key} needs it in every column it draws"
            )


def cell_files(plan: "FigurePlan") -> Files:
    """cells (one file)."""
    return {"cells": plan.cells()}


def entry_settings(plan: "FigurePlan") -> Settings:
    """The entry as it is written; the cells say the rest."""
    return dict(plan.body)


def placed_settings(plan: "FigurePlan") -> Settings:
    """The entry and, where the table's columns stand in panels, columns: those that do, as {column, panel, x}."""
    columns: list[dict[str, Any]] = [
        {key: column[key] for key in PLACE if key in column} for column in plan.columns() if "panel" in column
    ]
    return {**plan.body, **({"columns": columns} if columns else {})}
