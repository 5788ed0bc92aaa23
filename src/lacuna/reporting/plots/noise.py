"""Accuracy under additive Gaussian noise (Defective CNN, Figure 4)."""

from lacuna.reporting.plots.core.keys import TABLE
from lacuna.reporting.plots.core.plot import Plot
from lacuna.reporting.plots.core.tables import cell_files, entry_settings

PLOT = Plot(keys={"table": TABLE}, files=cell_files, settings=entry_settings)
