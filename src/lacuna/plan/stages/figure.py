"""figure: one figure as SVG and PNG. What a plot reads and is told, it says in `lacuna.reporting.plots`."""

from typing import Any

from lacuna.plan.figures import files_of, settings_of
from lacuna.plan.stage import Inputs, Stage


class Figure(Stage):
    """The renderings of one figure."""

    name = "figure"
    after = ("dataset", "foreground", "train", "adopt", "attack", "evaluate", "cells")
    renderings = {"svg": "figure/{exhibit}.svg", "png": "figure/{exhibit}.png"}
    modules = (
        "attacks",
        "data/folder",
        "evaluation/defenses",
        "numerics/device",
        "evaluation/predictions",
        "foreground",
        "evaluation/gradients",
        "numerics/images",
        "models",
        "language/attacks",
        "language/methods",
        "language/architectures",
        "language/declared",
        "language/models",
        "purify",
        "evaluation/quality",
        "reporting/drawing",
        "reporting/examples",
        "reporting/structure",
        "reporting/tables/marks",
        "files/states",
        "numerics/seeding",
        "evaluation/smoothing",
    )

    def inputs(self, dataset: str, exhibit: str) -> Inputs:
        """The files that the figure is drawn from, by what they are."""
        return files_of(self.known, self.lookup.figures[exhibit][1], self.lookup.dataset_of(exhibit))

    def settings(self, dataset: str, exhibit: str) -> dict[str, Any]:
        """Which plot, its title, and what the files do not tell."""
        settings = settings_of(self.known, self.lookup.figures[exhibit][1], self.lookup.dataset_of(exhibit))
        notes = self.lookup.notes(exhibit)
        return {"exhibit": exhibit, **settings, **({"notes": notes} if notes else {})}
