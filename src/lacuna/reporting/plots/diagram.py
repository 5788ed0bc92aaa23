"""The architecture of a network, its masked layers in colour (Defective CNN, Figures 8 to 13)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET, MODEL
from lacuna.reporting.plots.core.plot import Plot, Settings, no_files

if TYPE_CHECKING:
    from lacuna.plan.figures import Planned


def _settings(planned: "Planned") -> Settings:
    return {**planned.stated(), "network": planned.network(planned.body["model"])}


PLOT = Plot(keys={"dataset": DATASET, "model": MODEL}, files=no_files, settings=_settings)
