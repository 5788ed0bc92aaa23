"""Training and test curves (Defective CNN, Figure 14)."""

from collections.abc import Sequence
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
    return {"histories": [plan.history(line["dataset"], line["model"]) for line, _ in _placed(plan)]}


def _settings(plan: "FigurePlan") -> Settings:
    """Where another dataset plays the part of the paper's, the heading of the panel names both."""
    lines = [
        {**line, "panel": _heading(panels, line["dataset"], plan.dataset_of(line["dataset"]))}
        for line, panels in _placed(plan)
    ]
    return {**plan.base_settings(), "lines": lines}


def _placed(plan: "FigurePlan") -> list[tuple[Body, list[str]]]:
    """The lines, each with its panels. Panels whose lines are the same, since one dataset plays both parts, are one."""
    inside: dict[str, list[Body]] = {}
    for line in plan.body["lines"]:
        inside.setdefault(line["panel"], []).append(line)
    same: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for panel, lines in inside.items():
        curves = [(line["network"], line["model"], plan.dataset_of(line["dataset"])) for line in lines]
        same.setdefault(tuple(curves), []).append(panel)
    shown = {panels[0]: panels for panels in same.values()}
    return [(line, shown[line["panel"]]) for line in plan.body["lines"] if line["panel"] in shown]


def _heading(panels: Sequence[str], role: str, used: str) -> str:
    """The name of a panel, or of several that are one."""
    named = " and ".join(panels)
    return named if used == role else f"{used} in place of {named}"


def _roles(body: Body) -> list[str]:
    return [line["dataset"] for line in body["lines"]]


PLOT = Plot(keys={"lines": Key(LINES, _check)}, files=_files, settings=_settings, roles=_roles)
