"""A table as heat maps: the paper's numbers beside ours, or ours in panels."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import TABLE
from lacuna.reporting.plots.core.plot import Key, Plot
from lacuna.reporting.plots.core.tables import cell_files, check_places, columns_of, placed_settings

if TYPE_CHECKING:
    from lacuna.config.figures import Entry


def _check(entry: "Entry") -> None:
    """The table has all columns in panels or none."""
    TABLE.check(entry)
    columns = columns_of(entry)
    if any("panel" in column for column in columns):
        check_places(entry, columns, "panel")


PLOT = Plot(keys={"table": Key(TABLE.schema, _check)}, files=cell_files, settings=placed_settings)
