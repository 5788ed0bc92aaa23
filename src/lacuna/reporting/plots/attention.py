"""Where a network looks on clean and adversarial images: Grad-CAM (AdvDrop: attention)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET, MODEL, ROWS
from lacuna.reporting.plots.core.plot import Files, Plot, Settings
from lacuna.reporting.plots.core.sets import set_files, set_settings

if TYPE_CHECKING:
    from lacuna.plan.figures import Planned


def _files(planned: "Planned") -> Files:
    return {**set_files(planned), "checkpoints": planned.checkpoints(planned.body["model"])}


def _settings(planned: "Planned") -> Settings:
    return {**set_settings(planned), "network": planned.network(planned.body["model"])}


PLOT = Plot(keys={"dataset": DATASET, "model": MODEL, "rows": ROWS}, files=_files, settings=_settings)
