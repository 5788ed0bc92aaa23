"""Neuron masks of a network as tiles (Defective CNN, Figure 1)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET, MODEL
from lacuna.reporting.plots.core.plot import Files, Plot, Settings

if TYPE_CHECKING:
    from lacuna.plan.figures import FigurePlan


def _files(plan: "FigurePlan") -> Files:
    return {"checkpoints": plan.checkpoints(plan.body["model"])}


def _settings(plan: "FigurePlan") -> Settings:
    return {**plan.base_settings(), "network": plan.network(plan.body["model"])}


PLOT = Plot(keys={"dataset": DATASET, "model": MODEL}, files=_files, settings=_settings)
