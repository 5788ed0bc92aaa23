"""The architecture of a network, its masked layers in colour (Defective CNN, Figures 8 to 13)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET, MODEL
from lacuna.reporting.plots.core.plot import Plot, Settings, no_files

if TYPE_CHECKING:
    from lacuna.plan.figures import FigurePlan


def _settings(plan: "FigurePlan") -> Settings:
    return {**plan.base_settings(), "network": plan.network(plan.body["model"])}


PLOT = Plot(keys={"dataset": DATASET, "model": MODEL}, files=no_files, settings=_settings)
