"""claims: what a paper says about its numbers, judged on the cells of its tables and on what they count. No torch."""

from typing import Any

from lacuna.plan.lines import lines_file
from lacuna.plan.stage import Inputs, Stage
from lacuna.plan.stages.cells import Cells


class Claims(Stage):
    """The verdicts on one paper's claims."""

    name = "claims"
    after = ("evaluate", "measure", "gradient", "cells")
    outputs = {"claims": "claims/{paper}.csv"}
    renderings = {"comparisons": "claims/{paper}.comparisons.csv", "markdown": "claims/{paper}.md"}
    modules = (
        "claims/relations",
        "language/codes",
        "numbers/metrics",
        "language/attacks",
        "language/declared",
        "language/methods",
        "language/models",
        "numbers/statistics",
        "claims/verdicts",
        "reporting/tables/claim_page",
    )

    def inputs(self, dataset: str, paper: str) -> Inputs:
        """The outcomes and measures behind every table of the paper, their cells, the printed cells, the claims."""
        tables = [(self.lookup.dataset_of(table), table) for table in self.lookup.tables_of(paper)]
        return {
            "outcomes": [lines_file(self.paths, *place) for place in self._places(paper)],
            "cells": [self.paths.of("cells", "cells", dataset=name, exhibit=table) for name, table in tables],
            "printed": f"data/printed/{paper}.csv",
            "claims": f"config/claims/{paper}.yaml",
        }

    def _places(self, paper: str) -> list[tuple[str, str, str]]:
        """The places of all cells, each in the folder of every training seed."""
        folders = {table: self.lookup.replicas(self.lookup.dataset_of(table)) for table in self.lookup.tables_of(paper)}
        cells = ((name, *cell.place) for t, names in folders.items() for name in names for cell in self.lookup.cells(t))
        return list(dict.fromkeys(cells))

    def settings(self, dataset: str, paper: str) -> dict[str, Any]:
        """The cells of every table, and which outcomes each file holds."""
        cells = Cells(self.known)
        tables = [cells.settings(self.lookup.dataset_of(table), table) for table in self.lookup.tables_of(paper)]
        title = self.lookup.config.papers[paper]["title"]
        return {"title": title, "tables": tables, "outcomes": self._places(paper)}
