"""Training and test curves (Defective CNN, Figure 14)."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.keys import MODEL_NAME, NAME, ROLE, list_of
from lacuna.reporting.plots.core.plot import Body, Files, Key, Plot, Settings

if TYPE_CHECKING:
    from lacuna.config.figures import Entry
    from lacuna.plan.figures import FigurePlan

LINES = list_of("one line per curve", {"network": NAME, "panel": NAME, "dataset": ROLE, "model": MODEL_NAME})


def _check(entry: "Entry") -> None:
    """Every line is about a network that is trained here."""
    for i, line in enumerate(entry.body["lines"]):
        entry.check_role(f"lines[{i}].dataset", line["dataset"])
        entry.check_network(f"lines[{i}].model", line["model"])


def _files(plan: "FigurePlan") -> Files:
    """A panel may be about another dataset; a line that two panels share is read twice."""
    return {"histories": [plan.history(line["dataset"], line["model"]) for line in plan.body["lines"]]}


def _settings(plan: "FigurePlan") -> Settings:
    """Where another dataset plays the part of the paper's, the heading of the panel names both."""
    placed = [(line, plan.dataset_of(line["dataset"])) for line in plan.body["lines"]]
    lines = [{**line, "panel": _heading(line["panel"], line["dataset"], used)} for line, used in placed]
    return {**plan.base_settings(), "lines": lines}


def _heading(panel: str, role: str, used: str) -> str:
    return panel if used == role else f"{used} in place of {panel}"


def _roles(body: Body) -> list[str]:
    return [line["dataset"] for line in body["lines"]]


PLOT = Plot(keys={"lines": Key(LINES, _check)}, files=_files, settings=_settings, roles=_roles)
