"""claims: what a paper says about its numbers, judged on the cells of its tables and on what they count. No torch."""

from typing import Any

from lacuna.plan.modules import ATTACK_NAMES, MODEL_NAMES
from lacuna.plan.own import own_code
from lacuna.plan.stage import Inputs, Stage
from lacuna.plan.stages.cells import Cells


class Claims(Stage):
    """The verdicts on one paper's claims, and the comparisons behind them."""

    name = "claims"
    after = ("evaluate", "measure", "gradient", "cells")
    outputs = {"claims": "claims/{paper}.csv", "comparisons": "claims/{paper}.comparisons.csv"}
    renderings = {"markdown": "claims/{paper}.md"}
    modules = (
        *MODEL_NAMES,
        *ATTACK_NAMES,
        "claims/decisions",
        "claims/relations",
        "claims/verdicts",
        "language/codes",
        "language/symbols",
        "numbers/lines",
        "numbers/metrics",
        "numbers/repetitions",
        "numbers/statistics",
        "numbers/trainings",
        "reporting/tables/claim_page",
    )

    def inputs(self, dataset: str, paper: str) -> Inputs:
        """The outcomes and measures behind every table of the paper, their cells, the printed cells, the claims."""
        tables = self._tables(paper).items()
        outcomes = [one["path"] for _, settings in tables for one in settings["outcomes"]]
        cells = [self.paths.of("cells", "cells", **self.lookup.wildcards_of(table)) for table, _ in tables]
        return {
            "outcomes": list(dict.fromkeys(outcomes)),
            "cells": cells,
            "printed": self.lookup.config.sources[paper].printed,
            "claims": self.lookup.config.sources[paper].claims,
        }

    def _tables(self, paper: str) -> dict[str, dict[str, Any]]:
        """The settings of the cells of every table of the paper, which name their outcomes."""
        cells = Cells(self.known)
        return {table: cells.settings(**self.lookup.wildcards_of(table)) for table in self.lookup.tables_of(paper)}

    def settings(self, dataset: str, paper: str) -> dict[str, Any]:
        """The cells of every table, which outcomes each file holds, and codes by the names that claims may use."""
        title, tables = self.lookup.config.papers[paper]["title"], list(self._tables(paper).values())
        return {"title": title, "tables": tables, "names": self.lookup.claim_names(paper)}

    def own_code(self, dataset: str, paper: str) -> list[str]:
        """The functions of metrics of the user's own, in any of the paper's tables."""
        tables = self.lookup.tables_of(paper)
        return own_code(*(cell.metric for table in tables for cell in self.lookup.cells(table)))
