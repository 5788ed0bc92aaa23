"""Figures of dual perturbation: sweeps of budgets, foregrounds, saliency and gradients."""

import numpy as np
import pytest
from drawing import SWEEP, Ask, sweep_cells

from lacuna.errors import LacunaError
from lacuna.reporting.figures import figure
from lacuna.reporting.plots.sweep import sweep, sweep_points

# Sweeps ----------------------------------------------------------------------------------------------------


def test_sweep_points_ascend_and_keep_the_order_of_rows() -> None:
    points = sweep_points(sweep_cells(), SWEEP)
    assert list(dict.fromkeys(points["row"])) == ["AT-Dual", "AT-PGD"]
    for (row, panel), line in points.groupby(["row", "panel"]):
        assert line["x"].tolist() == [0, 5, 20], (row, panel)
    slow = points.set_index(["row", "panel", "x"])
    assert slow.loc[("AT-PGD", "background", 5), ["value", "ci_low", "ci_high"]].tolist() == [70, 67, 72]


def test_each_panel_has_its_lines_bands_and_labels(asked: Ask) -> None:
    settings, files = asked("sweep")
    settings["panels"][1] = {"panel": "background", "x": "background budget", "y": "score"}
    left, right = figure(settings, files).axes
    assert [axis.get_title() for axis in (left, right)] == ["foreground", "background"]
    assert (right.get_xlabel(), right.get_ylabel()) == ("background budget", "score")
    for axis in (left, right):
        assert [line.get_ydata().tolist() for line in axis.lines] == [[90, 85, 70], [90, 70, 10]]  # type: ignore[union-attr]
        band = np.asarray(axis.collections[1].get_paths()[0].vertices)
        assert {7.0, 12.0} <= set(band[band[:, 0] == 20, 1].tolist())


def test_budgets_far_apart_stand_at_logarithmic_distances_also_with_zero() -> None:
    columns = [place | {"x": {0: 0, 5: 0.1, 20: 10}[place["x"]]} for place in SWEEP]
    panels = [{"panel": "foreground", "x": "lambda", "y": "score"}]
    (axis,) = sweep(sweep_cells(), columns, panels, "A title", "A note").axes
    assert axis.get_xscale() == "symlog"
    assert axis.get_xticks().tolist() == [0, 0.1, 10]
    assert sweep(sweep_cells(), SWEEP, panels, "A title", "A note").axes[0].get_xscale() == "linear"


def test_cells_without_a_number_are_left_out_of_a_line() -> None:
    cells = sweep_cells()
    cells.loc[0, "value"] = np.nan
    assert len(sweep_points(cells, SWEEP)) == len(cells) - 1


def test_a_column_that_the_cells_lack_is_named() -> None:
    with pytest.raises(LacunaError, match="table12 has no column foreground 99 to draw"):
        sweep_points(sweep_cells(), [*SWEEP, {"column": "foreground 99", "panel": "foreground", "x": 99}])
