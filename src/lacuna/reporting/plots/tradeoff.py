"""Defense rate against clean accuracy over the keep probability (Defective CNN, Figure 5)."""

from typing import TYPE_CHECKING

from lacuna.language.exhibits import Exhibits
from lacuna.reporting.plots.core.keys import TABLE, text
from lacuna.reporting.plots.core.plot import Key, Plot, Settings
from lacuna.reporting.plots.core.tables import cell_files, entry_settings

if TYPE_CHECKING:
    from lacuna.config.figures import Entry
    from lacuna.plan.figures import FigurePlan


def _check(entry: "Entry") -> None:
    """The attack is that of some of the table's columns."""
    exhibits, table = Exhibits(entry.content), entry.content["tables"][entry.body["table"]]
    shown = {cell.attack for cell in exhibits.cells(table)} - {"none"}
    allowed = [name for name, code in exhibits.names_in(table).items() if code in shown]
    entry.check_name("attack", entry.body["attack"], allowed)


def _settings(plan: "FigurePlan") -> Settings:
    """The entry, with the attack's code."""
    return {**entry_settings(plan), "attack": plan.named_code(plan.body["attack"])}


ATTACK = Key(text("what a column of the table calls its attack"), _check)
PLOT = Plot(keys={"table": TABLE, "attack": ATTACK}, files=cell_files, settings=_settings)
