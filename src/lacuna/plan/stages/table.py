"""table: one table's cells as CSV, Markdown and LaTeX."""

from typing import Any

from lacuna.plan.modules import ATTACK_NAMES, MODEL_NAMES
from lacuna.plan.notes import notes_of
from lacuna.plan.shown import limited_selections
from lacuna.plan.stage import Inputs, Stage


class Table(Stage):
    """The renderings of one table."""

    name = "table"
    after = ("select", "cells")
    renderings = {
        "csv": "table/{exhibit}.csv",
        "markdown": "table/{exhibit}.md",
        "latex": "table/{exhibit}.tex",
    }
    modules = (
        *MODEL_NAMES,
        *ATTACK_NAMES,
        "foreground/published",
        "foreground/words",
        "language/codes",
        "language/doubts",
        "language/symbols",
        "numbers/flags",
        "numbers/lines",
        "numbers/metrics",
        "numbers/repetitions",
        "numbers/spread",
        "numbers/statistics",
        "numbers/trainings",
        "reporting/left_out",
        "reporting/origins",
        "reporting/tables/flagged",
        "reporting/tables/marks",
        "reporting/tables/meanings",
        "reporting/tables/pattern",
        "reporting/tables/render",
    )

    def inputs(self, dataset: str, exhibit: str) -> Inputs:
        """The cells, and selections whose left-out images are counted below the table."""
        return {
            "cells": self.paths.of("cells", "cells", dataset=dataset, exhibit=exhibit),
            "selections": limited_selections(self.known, "table", exhibit),
        }

    def settings(self, dataset: str, exhibit: str) -> dict[str, Any]:
        """Titles, notes, and where cells are checked their panels; the numbers come from the cells."""
        paper, body = self.lookup.tables[exhibit]
        panels = {column["column"]: column.get("panel", "") for column in body["columns"]}
        checked = {"panels": panels} if self.lookup.exhibits.checks(body) else {}
        title = self.lookup.config.papers[paper]["title"]
        named = {"exhibit": exhibit, "title": body["title"], "paper": title}
        several = self.lookup.config.datasets[dataset].get("scene_images", 1) > 1
        scenes = {"scenes": True} if several else {}
        return {**named, "notes": notes_of(self.known, "table", exhibit), **checked, **scenes}
