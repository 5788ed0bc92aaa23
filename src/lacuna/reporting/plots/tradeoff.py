"""Defense rate against clean accuracy over the keep probability (Defective CNN, Figure 5)."""

from typing import TYPE_CHECKING

from lacuna.language.exhibits import Exhibits
from lacuna.reporting.plots.core.keys import TABLE, text
from lacuna.reporting.plots.core.plot import Key, Plot
from lacuna.reporting.plots.core.tables import cell_files, entry_settings

if TYPE_CHECKING:
    from lacuna.config.figures import Entry


def _check(entry: "Entry") -> None:
    """The attack is that of some of the table's columns."""
    cells = Exhibits(entry.content).cells(entry.content["tables"][entry.body["table"]])
    entry.check_name("attack", entry.body["attack"], {cell.attack for cell in cells} - {"none"})


ATTACK = Key(text("an attack's code such as pgd_e16_a1_t20"), _check)
PLOT = Plot(keys={"table": TABLE, "attack": ATTACK}, files=cell_files, settings=entry_settings)
