"""The rounding that AdvDrop can differentiate, for several softnesses alpha, and its derivative."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET
from lacuna.reporting.plots.core.plot import Key, Plot, Settings, no_files

if TYPE_CHECKING:
    from lacuna.plan.figures import FigurePlan

ALPHA = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "description": "a number in (0, 1)"}
ALPHAS = {"type": "array", "minItems": 1, "items": ALPHA, "description": "the softnesses of AdvDrop's rounding"}


def _settings(plan: "FigurePlan") -> Settings:
    return plan.base_settings()


PLOT = Plot(keys={"dataset": DATASET, "alphas": Key(ALPHAS)}, files=no_files, settings=_settings, methods=("advdrop",))
