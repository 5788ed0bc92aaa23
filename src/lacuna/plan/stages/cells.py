"""cells: the numbers of one table, from outcomes and measures. No torch, no checkpoints."""

from typing import Any

from lacuna.language.codes import GRADIENT, MEASURE, Origin
from lacuna.language.models import ENSEMBLE
from lacuna.plan.modules import ATTACK_NAMES, MODEL_NAMES
from lacuna.plan.own import own_code
from lacuna.plan.stage import Inputs, Stage


class Cells(Stage):
    """The cells of one table."""

    name = "cells"
    after = ("evaluate", "measure", "gradient")
    outputs = {"cells": "cells/{exhibit}.csv"}
    modules = (
        *MODEL_NAMES,
        *ATTACK_NAMES,
        "language/codes",
        "language/doubts",
        "numbers/cells",
        "numbers/flags",
        "numbers/lines",
        "numbers/metrics",
        "numbers/repetitions",
        "numbers/spread",
        "numbers/statistics",
        "numbers/trainings",
    )

    def inputs(self, dataset: str, exhibit: str) -> Inputs:
        """The outcomes and measures of each training seed, and the paper's printed cells."""
        return {
            "outcomes": [one["path"] for one in self._outcomes(exhibit)],
            "printed": self.lookup.config.sources[self.lookup.tables[exhibit][0]].printed,
        }

    def _outcomes(self, exhibit: str) -> list[dict[str, str]]:
        """Every file that cells count, with its origin, in the folder of each training seed."""
        origins = dict.fromkeys(cell.origin for cell in self.lookup.cells(exhibit))
        return [
            {"folder": folder, **origin._asdict(), "path": self._path(folder, origin)}
            for folder in self.lookup.replicas(self.lookup.dataset_of(exhibit))
            for origin in origins
        ]

    def _path(self, folder: str, origin: Origin) -> str:
        """The file of an origin: outcomes, or measures of images or gradients."""
        stage, group, name = origin
        if stage == MEASURE:
            return self.paths.of(stage, "measures", dataset=folder, attack=group, source=name)
        if stage == GRADIENT:
            return self.paths.of(stage, "measures", dataset=folder, target=name)
        return self.paths.of(stage, "outcomes", dataset=folder, suite=group, target=name)

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
            **({"replicas": self.lookup.replicas(played_by), **self._width()} if config.seeds > 1 else {}),
            **({"checks": checks} if (checks := exhibits.checks(body)) else {}),
            "ensembles": {name: exhibits.members(name) for name in named},
            "outcomes": self._outcomes(exhibit),
            "cells": [cell.settings | self._scenes(played_by) for cell in cells],
        }

    def _width(self) -> dict[str, str]:
        """The networks' share of the paper's width: with another one, print says nothing about further trainings."""
        return {"width": str(self.lookup.config.settings["width"])}

    def _scenes(self, dataset: str) -> dict[str, int]:
        """How many images in succession show one scene, where that is more than one."""
        stated = self.lookup.config.datasets[dataset].get("scene_images", 1)
        return {"scene_images": stated} if stated > 1 else {}

    def own_code(self, dataset: str, exhibit: str) -> list[str]:
        """The functions of metrics of the user's own."""
        return own_code(*(cell.metric for cell in self.lookup.cells(exhibit)))
