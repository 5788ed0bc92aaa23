"""figure: one figure as SVG and PNG. What a plot reads and is told, it says in `lacuna.reporting.plots`."""

from typing import Any

from lacuna.plan.figures import files_of, settings_of
from lacuna.plan.modules import ATTACK_NAMES, NETWORKS, SALIENCY
from lacuna.plan.notes import notes_of
from lacuna.plan.own import own_code
from lacuna.plan.shown import limited_selections
from lacuna.plan.stage import Inputs, Stage, architecture_part, method_part
from lacuna.reporting.plots import plot_of

SELECTIONS = "selections"  # which no plot is drawn from


class Figure(Stage):
    """The renderings of one figure."""

    name = "figure"
    after = ("dataset", "foreground", "train", "adopt", "select", "attack", "evaluate", "cells")
    renderings = {"svg": "figure/{exhibit}.svg", "png": "figure/{exhibit}.png"}
    modules = (
        *NETWORKS,
        *ATTACK_NAMES,
        *SALIENCY,
        "attacks/core/draws",
        "attacks/core/margins",
        "attacks/core/matching",
        "attacks/core/run",
        "attacks/core/victim",
        "evaluation/defenses",
        "evaluation/gradients",
        "evaluation/predictions",
        "evaluation/quality",
        "evaluation/smoothing",
        "files/states",
        "foreground/published",
        "foreground/words",
        "language/codes",
        "language/symbols",
        "numbers/spread",
        "numbers/statistics",
        "numbers/trainings",
        "numerics/images",
        "purify",
        "reporting/drawing",
        "reporting/examples",
        "reporting/left_out",
        "reporting/origins",
        "reporting/structure",
        "reporting/tables/marks",
    )

    def inputs(self, dataset: str, exhibit: str) -> Inputs:
        """The files that the figure is drawn from, and selections whose left-out images are counted below it."""
        files = files_of(self.known, self.lookup.figures[exhibit][1], self.lookup.dataset_of(exhibit))
        selections = limited_selections(self.known, "figure", exhibit)
        return {**files, **({SELECTIONS: selections} if selections else {})}

    def code(self, dataset: str, exhibit: str) -> list[str]:
        """With the architectures of the networks that its plot builds, and the methods that it runs."""
        body = self.lookup.figures[exhibit][1]
        settings = self.settings(dataset, exhibit)
        built = [settings.get("network"), *settings.get("networks", [])]  # some plots only name them
        architectures = self.networks.architectures(*(one["model"] for one in built if isinstance(one, dict)))
        return [self.name, *map(architecture_part, architectures), *map(method_part, plot_of(body).methods)]

    def own_code(self, dataset: str, exhibit: str) -> list[str]:
        """The function that draws it, where that is the user's."""
        return own_code(self.lookup.figures[exhibit][1]["plot"])

    def settings(self, dataset: str, exhibit: str) -> dict[str, Any]:
        """Which plot, its title, and what the files do not tell."""
        settings = settings_of(self.known, self.lookup.figures[exhibit][1], self.lookup.dataset_of(exhibit))
        notes = notes_of(self.known, "figure", exhibit)
        return {"exhibit": exhibit, **settings, **({"notes": notes} if notes else {})}
