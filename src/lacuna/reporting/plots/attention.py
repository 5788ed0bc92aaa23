"""Where a network looks on clean and adversarial images: Grad-CAM (AdvDrop: attention)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET, MODEL, ROWS
from lacuna.reporting.plots.core.plot import Files, Plot, Settings
from lacuna.reporting.plots.core.sets import set_files, set_settings

if TYPE_CHECKING:
    from lacuna.plan.figures import FigurePlan


def _files(plan: "FigurePlan") -> Files:
    return {**set_files(plan), "checkpoints": plan.checkpoints(plan.body["model"])}


def _settings(plan: "FigurePlan") -> Settings:
    return {**set_settings(plan), "network": plan.network(plan.body["model"])}


PLOT = Plot(keys={"dataset": DATASET, "model": MODEL, "rows": ROWS}, files=_files, settings=_settings)
