"""cells: the numbers of one table, from outcomes and measures. No torch, no checkpoints."""

from typing import Any

from lacuna.language.models import ENSEMBLE
from lacuna.plan.lines import lines_file
from lacuna.plan.stage import Inputs, Stage


class Cells(Stage):
    """The cells of one table."""

    name = "cells"
    after = ("evaluate", "measure", "gradient")
    outputs = {"cells": "cells/{exhibit}.csv"}
    modules = (
        "numbers/cells",
        "language/codes",
        "numbers/metrics",
        "language/attacks",
        "language/declared",
        "language/methods",
        "language/models",
        "numbers/flags",
        "numbers/statistics",
    )

    def inputs(self, dataset: str, exhibit: str) -> Inputs:
        """The outcomes and measures of each training seed, and the paper's printed cells."""
        places = dict.fromkeys(cell.place for cell in self.lookup.cells(exhibit))
        folders = self.lookup.replicas(self.lookup.dataset_of(exhibit))
        return {
            "outcomes": [lines_file(self.paths, folder, *place) for folder in folders for place in places],
            "printed": f"data/printed/{self.lookup.tables[exhibit][0]}.csv",
        }

    def settings(self, dataset: str, exhibit: str) -> dict[str, Any]:
        """Every cell and where its outcomes lie."""
        body, cells = self.lookup.tables[exhibit][1], self.lookup.cells(exhibit)
        named = {name for cell in cells for name in (cell.model, cell.source) if name.startswith(ENSEMBLE)}
        config, exhibits, played_by = self.lookup.config, self.lookup.exhibits, self.lookup.dataset_of(exhibit)
        return {
            "exhibit": exhibit,
            "scale": config.scale,
            "dataset": played_by,
            "paper_dataset": body["dataset"],
            "printed_table": body.get("printed"),
            **({"replicas": self.lookup.replicas(played_by)} if config.seeds > 1 else {}),
            **({"checks": checks} if (checks := exhibits.checks(body)) else {}),
            "ensembles": {name: exhibits.members(name) for name in named},
            "cells": [vars(cell) | {"target": cell.target} for cell in cells],
        }
