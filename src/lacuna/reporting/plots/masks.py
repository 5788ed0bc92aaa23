"""Neuron masks of a network as tiles (Defective CNN, Figure 1)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET, MODEL
from lacuna.reporting.plots.core.plot import Files, Plot, Settings

if TYPE_CHECKING:
    from lacuna.plan.figures import Planned


def _files(planned: "Planned") -> Files:
    return {"checkpoints": planned.checkpoints(planned.body["model"])}


def _settings(planned: "Planned") -> Settings:
    return {**planned.stated(), "network": planned.network(planned.body["model"])}


PLOT = Plot(keys={"dataset": DATASET, "model": MODEL}, files=_files, settings=_settings)
