"""One image under growing budgets of several attacks (AdvDrop, Figure 2)."""

from lacuna.reporting.plots.core.keys import DATASET, ROWS
from lacuna.reporting.plots.core.plot import Plot
from lacuna.reporting.plots.core.sets import set_files, set_settings

PLOT = Plot(keys={"dataset": DATASET, "rows": ROWS}, files=set_files, settings=set_settings)
