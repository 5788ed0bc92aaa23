"""Gradients of the loss with respect to clean images (dual perturbation, Figure 6)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET_WITH_FOREGROUND, MODELS
from lacuna.reporting.plots.core.plot import Files, Plot, Settings

if TYPE_CHECKING:
    from lacuna.plan.figures import Planned


def _files(planned: "Planned") -> Files:
    checkpoints = [path for model in planned.body["models"] for path in planned.checkpoints(model)]
    return {"images": planned.images(), "foreground": planned.foreground(), "checkpoints": checkpoints}


def _settings(planned: "Planned") -> Settings:
    models = planned.body["models"]
    shown = {"networks": [planned.network(model) for model in models], "names": [*models.values()]}
    return {**planned.stated(), "classes": planned.classes(), **shown}


PLOT = Plot(keys={"dataset": DATASET_WITH_FOREGROUND, "models": MODELS}, files=_files, settings=_settings)
