"""Figures of dual perturbation: sweeps of budgets, foregrounds, saliency and gradients."""

import numpy as np
import pytest
import torch
from drawing import CLASSES, SWEEP, Ask, made_on, photographs, sweep_cells, words
from matplotlib.figure import Figure

from lacuna.errors import LacunaError
from lacuna.evaluation.gradients import loss_gradient, measure_gradients
from lacuna.files.artefacts import read_tensors
from lacuna.foreground.saliency import saliency_model
from lacuna.numerics.images import as_pixels
from lacuna.reporting.drawing import figure
from lacuna.reporting.drawing.core.networks import networks_of
from lacuna.reporting.drawing.core.style import outline
from lacuna.reporting.drawing.foregrounds import EACH
from lacuna.reporting.drawing.gradients import right_on_all
from lacuna.reporting.drawing.sweep import sweep, sweep_points
from lacuna.reporting.examples import choose

# Sweeps ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [(0.62, 0.81), (0.0, 1.0), (0.3, 0.3)])
def test_panels_of_scores_share_limits_in_which_all_scores_lie(values: tuple[float, float]) -> None:
    cells = sweep_cells().assign(unit="score")
    shares = np.linspace(*values, len(cells))
    cells = cells.assign(value=shares, ci_low=np.maximum(0, shares - 0.01), ci_high=np.minimum(1, shares + 0.01))
    panels = [{"panel": panel, "x": "x", "y": "y"} for panel in dict.fromkeys(column["panel"] for column in SWEEP)]
    limits = {axis.get_ylim() for axis in sweep(cells, SWEEP, panels, "A title", "A note").axes if axis.lines}
    [(low, high)] = limits
    assert low <= cells["ci_low"].min()
    assert high >= cells["ci_high"].max()
    assert 0 < high - low <= max(0.4, values[1] - values[0] + 0.3)


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


# Foregrounds -----------------------------------------------------------------------------------------------


def test_the_sheet_outlines_the_masks_and_counts_empty_and_full_ones(asked: Ask) -> None:
    settings, files = asked("foregrounds")
    noted = {**settings, "notes": ["Masks: pixels above 0."]}
    drawn, (images, labels) = figure(noted, files), photographs()
    *tiles, histogram = drawn.axes
    assert len(tiles) == 3 * EACH
    wanted = [np.flatnonzero(labels == label)[line] for line in range(EACH) for label in range(3)]
    for tile, image in zip(tiles, wanted, strict=True):
        np.testing.assert_array_equal(np.asarray(tile.images[0].get_array()), np.moveaxis(images[image], 0, -1))
    assert "40 test images" in histogram.get_title()
    assert "1 empty, 1 full" in histogram.get_title()
    assert sum(patch.get_height() for patch in histogram.patches) == 40
    assert "Masks: pixels above 0." in " ".join(words(drawn).split())


@pytest.mark.parametrize("seed", range(3))
def test_an_outline_runs_along_the_edges_of_pixels(seed: int) -> None:
    mask = np.random.default_rng(seed).random((5, 7)) < 0.5
    axis = Figure().subplots()
    outline(axis, mask)
    (paths,) = (collection.get_paths() for collection in axis.collections)
    points = np.concatenate([path.vertices for path in paths])
    distance = np.abs(points + 0.5 - np.round(points + 0.5)).min(1)  # from the nearest line between pixels
    assert distance.max() <= 0.2
    padded = np.pad(mask, 1).astype(int)
    edges = np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded)).sum()
    length = sum(np.abs(np.diff(polygon, axis=0)).sum() for path in paths for polygon in path.to_polygons())
    assert length == pytest.approx(edges, rel=0.1)


# Saliency --------------------------------------------------------------------------------------------------


def test_each_view_has_its_prediction_and_foreground_score(asked: Ask) -> None:
    settings, files = asked("unsuspicious")
    upper, lower = np.split(np.array(figure(settings, files).axes[:6]), 2)
    mask = read_tensors(files["foreground"][0])["mask"].numpy()
    sets = [made_on(name, seed) for seed, name in enumerate(["standard", "defective"])]
    (chosen, *_) = choose(sets)
    shown = [photographs()[0][chosen], *(one.at(np.array([chosen]))[0][0] for one in sets)]
    model = saliency_model({"kind": "spectral_residual"})
    for above, below, image in zip(upper, lower, shown, strict=True):
        np.testing.assert_array_equal(np.asarray(above.images[0].get_array()), np.moveaxis(image, 0, -1))
        density = model(torch.from_numpy(image)[None].float() / 255)[0].numpy()
        assert below.get_xlabel() == f"foreground score {density[mask[chosen]].sum():.3f}"
    assert upper[0].get_xlabel() == CLASSES[photographs()[1][chosen]]
    assert all(axis.get_xlabel().endswith(" [x]") for axis in upper[1:])


# Gradients -------------------------------------------------------------------------------------------------


def test_gradients_are_those_of_the_loss_on_images_that_all_get_right(asked: Ask) -> None:
    settings, files = asked("gradients")
    drawn, data = figure(settings, files), read_tensors(files["images"][0])
    masks = read_tensors(files["foreground"][0])["mask"]
    with networks_of(settings["networks"][:1], files["checkpoints"][:1]) as networks:
        (network,) = networks
    chosen = right_on_all([network], data["images"], data["labels"])
    n = len(chosen)
    assert len(drawn.axes) == 3 * n
    right = network(as_pixels(data["images"])).argmax(1) == data["labels"]
    for axis, image, i in zip(drawn.axes[n:], data["images"][chosen], chosen.tolist(), strict=False):
        earlier = (data["labels"][:i] == data["labels"][i]) & right[:i]
        assert right[i]
        assert not earlier.any()
        x = as_pixels(image[None]).requires_grad_()
        torch.nn.functional.cross_entropy(network(x), data["labels"][i : i + 1]).backward()
        assert x.grad is not None
        np.testing.assert_allclose(np.asarray(axis.images[0].get_array()), x.grad[0].sum(0), rtol=1e-3, atol=1e-7)
        low, high = axis.images[0].get_clim()
        assert low == -high
        share = measure_gradients(x.grad.sum(1), masks[i : i + 1])["gradient_in_foreground"].item()
        assert axis.get_xlabel() == f"\N{PLUS-MINUS SIGN}{high:.1g}\n{share:.0%}"
    assert [axis.get_xlabel() for axis in drawn.axes[:n]] == [f"{mask.float().mean():.0%}" for mask in masks[chosen]]


def test_every_network_must_be_right_and_images_do_not_share_a_gradient() -> None:
    images = torch.arange(3 * 4, dtype=torch.uint8).reshape(3, 1, 2, 2)
    first, second = (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2)) for _ in range(2))
    for network, towards in ((first, [1.0, 0.0]), (second, [-1.0, 1.0])):  # the second says 0 for dark images only
        torch.nn.init.constant_(network[1].weight, 0)
        network[1].weight.data[1, 0] = 255.0 * towards[1]
        network[1].bias.data = torch.tensor([1.0, 0.0] if towards[1] == 0 else [2.0, 0.0])
    labels = torch.tensor([0, 0, 0])
    assert right_on_all([first, second], images.flip(0), labels).tolist() == [2]
    whole = loss_gradient(second, images, labels, 3)
    np.testing.assert_allclose(whole, loss_gradient(second, images, labels, 1), rtol=1e-5)


def test_networks_that_are_never_right_together_are_refused(asked: Ask) -> None:
    settings, files = asked("gradients")
    data = read_tensors(files["images"][0])
    with networks_of(settings["networks"][:1], files["checkpoints"][:1]) as networks:
        (network,) = networks
    wrong = (network(as_pixels(data["images"])).argmax(1) + 1) % 4
    with pytest.raises(LacunaError, match="no test image is right on every network"):
        right_on_all([network], data["images"], wrong)
