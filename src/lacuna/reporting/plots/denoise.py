"""Clean and adversarial images before and after a defense (AdvDrop, Figure 3)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET, MODEL, ROWS, text
from lacuna.reporting.plots.core.plot import Files, Key, Plot, Settings
from lacuna.reporting.plots.core.sets import set_files, set_settings

if TYPE_CHECKING:
    from lacuna.config.figures import Entry
    from lacuna.plan.figures import FigurePlan


def _check(entry: "Entry") -> None:
    entry.check_name("defense", entry.body["defense"], entry.content["defenses"])


def _files(plan: "FigurePlan") -> Files:
    return {**set_files(plan), "checkpoints": plan.checkpoints(plan.body["model"])}


def _settings(plan: "FigurePlan") -> Settings:
    name = plan.body["defense"]
    shown = {"network": plan.network(plan.body["model"]), "defense": plan.defense(name), "purifier": name}
    return {**set_settings(plan), **shown}


DEFENSE = Key(text("a name under defenses"), _check)
PLOT = Plot(
    keys={"dataset": DATASET, "model": MODEL, "defense": DEFENSE, "rows": ROWS}, files=_files, settings=_settings
)
