"""A measure over a budget, one panel per budget that varies (dual perturbation, Figures 3 to 5)."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lacuna.errors import LacunaError
from lacuna.language.codes import SCORE
from lacuna.numbers.spread import by_training
from lacuna.reporting.drawing.core.inputs import Files, Settings, cells_of
from lacuna.reporting.drawing.core.style import PAGE_WIDTH, lay_out, page, styled, with_legend
from lacuna.reporting.drawing.core.trainings import points_of_trainings, rule_of_points

MARKERS = "osD^vPX*"
ACROSS = 3  # panels beside each other
WIDE = 25  # from this ratio of the largest to the smallest budget on, budgets stand at logarithmic distances
LETTERS = 30  # in a line of a panel's title
RULE = "Bands: 95 % intervals."


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: columns, a list of {column, panel, x}, and panels, a list of {panel, x, y}, the labels of the axes.
    Files: cells (one)."""
    cells, note = cells_of(settings, files)
    return sweep(cells, settings["columns"], settings["panels"], settings["title"], note)


@styled
def sweep(
    cells: pd.DataFrame,
    columns: Sequence[Mapping[str, Any]],
    panels: Sequence[Mapping[str, str]],
    title: str,
    note: str,
) -> Figure:
    """One panel per entry of ``panels``, {panel, x, y} with the labels of its axes; one line with a band per row.

    ``columns`` are {column, panel, x}: where a column of ``cells`` stands. Rows have the same colour in every panel.
    """
    points = sweep_points(cells, columns)
    singles = pd.concat([points.head(0), *(sweep_points(one, columns) for one in by_training(cells))])
    names = list(dict.fromkeys(points["row"]))
    looks = dict(zip(names, zip(sns.color_palette("colorblind", len(names)), MARKERS, strict=False), strict=False))
    lines = -(-len(panels) // ACROSS)
    across = -(-len(panels) // lines)
    figure = page(max(PAGE_WIDTH * across / ACROSS, 4.5), 2.5 * lines + 1.1)
    keys = [Line2D([], [], color=colour, marker=marker, label=name) for name, (colour, marker) in looks.items()]
    limits = {"percent": (0.0, 103.0), SCORE: _tenths(points[points["unit"] == SCORE])}
    axes = with_legend(figure, keys, min(len(keys), 4)).subplots(lines, across, squeeze=False).flat
    for axis, panel in zip(axes, panels, strict=False):
        part = points[points["panel"] == panel["panel"]]
        _panel(axis, part, singles[singles["panel"] == panel["panel"]], looks)
        axis.set_ylim(limits.get("".join(set(part["unit"])), (0, None)))
        axis.set(title=textwrap.fill(panel["panel"], LETTERS), xlabel=panel["x"], ylabel=panel["y"])
    for axis in list(axes):
        axis.set_axis_off()  # the last line may not be full
    return lay_out(figure, title, f"{rule_of_points(cells, RULE)}\n{note}")


def sweep_points(cells: pd.DataFrame, columns: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Columns row, panel, x, value, ci_low, ci_high and unit, in the order of rows, ascending in x.

    Raises `LacunaError` where a column has no cells.
    """
    if missing := {column["column"] for column in columns} - set(cells["column"]):
        raise LacunaError(f"{cells['exhibit'].iloc[0]} has no column {min(missing)} to draw")
    places = pd.DataFrame(columns)[["column", "panel", "x"]].astype({"x": float})
    points = cells.assign(order=pd.factorize(cells["row"])[0]).merge(places, on="column")
    kept = ["row", "panel", "x", "value", "ci_low", "ci_high", "unit"]
    return points.sort_values(["order", "x"], kind="stable")[kept].dropna(subset="value").reset_index(drop=True)


def _tenths(points: pd.DataFrame) -> tuple[float, float]:
    """The tenths between which scores in [0, 1] lie in all panels, with room beside them."""
    if points.empty:
        return 0.0, 1.03
    low, high = points[["value", "ci_low"]].min().min(), points[["value", "ci_high"]].max().max()
    return max(0.0, math.floor(10 * low - 0.5) / 10), min(1.03, math.ceil(10 * high + 0.5) / 10)


def _panel(axis: Axes, points: pd.DataFrame, singles: pd.DataFrame, looks: Mapping[str, tuple[Any, str]]) -> None:
    for name, line in points.groupby("row", sort=False):
        colour, marker = looks[str(name)]
        axis.plot(line["x"], line["value"], color=colour, marker=marker, linewidth=1.2)
        axis.fill_between(line["x"], line["ci_low"], line["ci_high"], color=colour, alpha=0.2, linewidth=0)
        single = singles[singles["row"] == name]
        points_of_trainings(axis, single["x"], single["value"], [colour] * len(single))
    places = np.unique(points["x"])
    positive = places[places > 0]
    if len(positive) and positive[-1] >= WIDE * positive[0]:
        axis.set_xscale("symlog", linthresh=positive[0], linscale=0.5)
    if len(places) <= 8:
        axis.set_xticks(places, [f"{x:g}" for x in places])
        axis.set_xticks([], minor=True)
    axis.grid(alpha=0.3)
