"""A measure over a budget, one panel per budget that varies (dual perturbation, Figures 3 to 5)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import NAME, TABLE, list_of, text
from lacuna.reporting.plots.core.plot import Key, Plot
from lacuna.reporting.plots.core.tables import cell_files, check_places, columns_of, placed_settings

if TYPE_CHECKING:
    from lacuna.config.figures import Entry

PANELS = list_of(
    "one panel per budget that varies, with the labels of its axes",
    {"panel": text("the panel of some of the table's columns"), "x": NAME, "y": NAME},
)


def _check(entry: "Entry") -> None:
    """Every column in a panel has its place, and every panel has columns."""
    placed = [column for column in columns_of(entry) if "panel" in column]
    check_places(entry, placed, "x")
    for i, panel in enumerate(entry.body["panels"]):
        entry.check_name(f"panels[{i}].panel", panel["panel"], [column["panel"] for column in placed])


PLOT = Plot(keys={"table": TABLE, "panels": Key(PANELS, _check)}, files=cell_files, settings=placed_settings)
