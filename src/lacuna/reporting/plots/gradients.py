"""Gradients of the loss with respect to clean images (dual perturbation, Figure 6)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET_WITH_FOREGROUND, MODELS
from lacuna.reporting.plots.core.plot import Files, Plot, Settings

if TYPE_CHECKING:
    from lacuna.plan.figures import FigurePlan


def _files(plan: "FigurePlan") -> Files:
    checkpoints = [path for model in plan.body["models"] for path in plan.checkpoints(model)]
    return {"images": plan.images(), "foreground": plan.foreground(), "checkpoints": checkpoints}


def _settings(plan: "FigurePlan") -> Settings:
    models = plan.body["models"]
    shown = {"networks": [plan.network(model) for model in models], "names": [*models.values()]}
    return {**plan.base_settings(), "classes": plan.classes(), **shown}


PLOT = Plot(keys={"dataset": DATASET_WITH_FOREGROUND, "models": MODELS}, files=_files, settings=_settings)
