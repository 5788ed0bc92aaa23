"""Images with their foreground outlined, and how much of each image it fills (dual perturbation, section 3.3)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET_WITH_FOREGROUND
from lacuna.reporting.plots.core.plot import Files, Plot, Settings

if TYPE_CHECKING:
    from lacuna.plan.figures import FigurePlan


def _files(plan: "FigurePlan") -> Files:
    return {"images": plan.images(), "foreground": plan.foreground()}


def _settings(plan: "FigurePlan") -> Settings:
    return {**plan.base_settings(), "classes": plan.classes()}


PLOT = Plot(keys={"dataset": DATASET_WITH_FOREGROUND}, files=_files, settings=_settings)
