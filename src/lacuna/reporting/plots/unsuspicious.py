"""One image under several perturbations, and where a saliency model looks (dual perturbation, Figure 1)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET_WITH_FOREGROUND, ROWS
from lacuna.reporting.plots.core.plot import Files, Plot, Settings
from lacuna.reporting.plots.core.sets import set_files, set_settings

if TYPE_CHECKING:
    from lacuna.plan.figures import FigurePlan


def _files(plan: "FigurePlan") -> Files:
    return {**set_files(plan), "foreground": plan.foreground()}


def _settings(plan: "FigurePlan") -> Settings:
    """With how the dataset's foreground is found, which names the saliency model."""
    return {**set_settings(plan), **plan.foreground_settings()}


PLOT = Plot(keys={"dataset": DATASET_WITH_FOREGROUND, "rows": ROWS}, files=_files, settings=_settings)
