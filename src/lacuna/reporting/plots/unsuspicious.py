"""One image under several perturbations, and where a saliency model looks (dual perturbation, Figure 1)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET_WITH_FOREGROUND, ROWS
from lacuna.reporting.plots.core.plot import Files, Plot, Settings
from lacuna.reporting.plots.core.sets import set_files, set_settings

if TYPE_CHECKING:
    from lacuna.plan.figures import Planned


def _files(planned: "Planned") -> Files:
    return {**set_files(planned), "foreground": planned.foreground()}


def _settings(planned: "Planned") -> Settings:
    """With how the dataset's foreground is found, which names the saliency model."""
    return {**set_settings(planned), **planned.foreground_settings()}


PLOT = Plot(keys={"dataset": DATASET_WITH_FOREGROUND, "rows": ROWS}, files=_files, settings=_settings)
