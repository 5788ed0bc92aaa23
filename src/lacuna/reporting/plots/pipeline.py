"""How AdvDrop makes an image: blocks, their DCT, a table per block, and back (AdvDrop's overview figure)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET, ROWS
from lacuna.reporting.plots.core.plot import Files, Key, Plot, Settings
from lacuna.reporting.plots.core.sets import set_files, set_settings

if TYPE_CHECKING:
    from lacuna.config.figures import Entry
    from lacuna.plan.figures import FigurePlan


def _check(entry: "Entry") -> None:
    """The row's attack is AdvDrop."""
    advdrop = [name for name, attack in entry.content["attacks"].items() if attack["method"] == "advdrop"]
    entry.check_name("rows[0].attack", entry.body["rows"][0]["attack"], advdrop)
    ROWS.check(entry)


def _files(plan: "FigurePlan") -> Files:
    return {**set_files(plan), "checkpoints": plan.checkpoints(plan.body["rows"][0]["source"])}


def _settings(plan: "FigurePlan") -> Settings:
    """With the budget and the source, since the attack runs again: sets hold no tables."""
    (row,) = plan.body["rows"]
    return {**set_settings(plan), "network": plan.network(row["source"]), "budget": plan.budget(row)}


ROW = Key({**ROWS.schema, "maxItems": 1, "description": "one row, of an AdvDrop attack"}, _check)
PLOT = Plot(keys={"dataset": DATASET, "rows": ROW}, files=_files, settings=_settings, methods=("advdrop",))
