"""Images with their foreground outlined, and how much of each image it fills (dual perturbation, section 3.3)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET_WITH_FOREGROUND
from lacuna.reporting.plots.core.plot import Files, Plot, Settings

if TYPE_CHECKING:
    from lacuna.plan.figures import Planned


def _files(planned: "Planned") -> Files:
    return {"images": planned.images(), "foreground": planned.foreground()}


def _settings(planned: "Planned") -> Settings:
    return {**planned.stated(), "classes": planned.classes()}


PLOT = Plot(keys={"dataset": DATASET_WITH_FOREGROUND}, files=_files, settings=_settings)
