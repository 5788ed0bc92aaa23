"""Clean and adversarial images before and after a defense (AdvDrop, Figure 3)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import DATASET, MODEL, ROWS, text
from lacuna.reporting.plots.core.plot import Files, Key, Plot, Settings
from lacuna.reporting.plots.core.sets import set_files, set_settings

if TYPE_CHECKING:
    from lacuna.config.figures import Entry
    from lacuna.plan.figures import Planned


def _check(entry: "Entry") -> None:
    entry.known("defense", entry.body["defense"], entry.content["defenses"])


def _files(planned: "Planned") -> Files:
    return {**set_files(planned), "checkpoints": planned.checkpoints(planned.body["model"])}


def _settings(planned: "Planned") -> Settings:
    name = planned.body["defense"]
    shown = {"network": planned.network(planned.body["model"]), "defense": planned.defense(name), "purifier": name}
    return {**set_settings(planned), **shown}


DEFENSE = Key(text("a name under defenses"), _check)
PLOT = Plot(
    keys={"dataset": DATASET, "model": MODEL, "defense": DEFENSE, "rows": ROWS}, files=_files, settings=_settings
)
