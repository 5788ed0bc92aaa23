"""Figures of AdvDrop, and the heat map of the cross table."""

import io
import itertools
import re

import matplotlib
import numpy as np
import pytest
import torch
from drawing import CLASSES, Ask, cross_cells, made_on, photographs, words
from PIL import Image
from scipy.fft import dctn

from lacuna.errors import LacunaError
from lacuna.files.artefacts import read_tensors
from lacuna.numerics.images import as_pixels
from lacuna.reporting.drawing import figure
from lacuna.reporting.drawing.attention import attention
from lacuna.reporting.drawing.core.networks import networks_of
from lacuna.reporting.drawing.core.style import colour_limits
from lacuna.reporting.drawing.dropped import sheets
from lacuna.reporting.drawing.heatmap import heatmap
from lacuna.reporting.drawing.spectrum import band_change, band_energy
from lacuna.reporting.examples import Examples, choose
from lacuna.reporting.tables.marks import flag_letters

PANELS = {name: name.split(", ")[1] for name in ("PGD, white box", "AdvDrop, white box", "PGD, transfer")}

# The cross table -------------------------------------------------------------------------------------------


def test_columns_stand_in_their_panels_and_cells_have_letters_for_flags() -> None:
    drawn = heatmap(cross_cells(), PANELS, "A title", "A note")
    white, transfer, scale = drawn.axes
    numbers = [[text.get_text() for text in axis.texts] for axis in (white, transfer)]
    assert numbers == [["10.0", "15.0", "30.0 ab", "35.0", "50.0", "55.0"], ["20.0 a", "40.0", "60.0"]]
    assert [axis.get_title() for axis in (white, transfer)] == ["white box", "transfer"]
    assert [label.get_text() for label in white.get_xticklabels()] == ["PGD, white box", "AdvDrop, white box"]
    assert scale.get_ylabel() == "adversarial accuracy in percent"
    assert "Marks: a: zero gradients; b: fooled by noise." in words(drawn)


def test_without_flags_the_note_speaks_of_none() -> None:
    cells = cross_cells().drop(columns="flags")
    assert flag_letters(cells) == {}
    drawn = heatmap(cells, PANELS, "A title", "A note")
    assert "Marks" not in words(drawn)
    assert all(re.fullmatch(r"[0-9.]+", text.get_text()) for axis in drawn.axes[:2] for text in axis.texts)


# Sizes and colours -----------------------------------------------------------------------------------------


def two_sets() -> tuple[int, list[np.ndarray]]:
    """The image that the figures of two sets show, and its clean and adversarial versions."""
    sets = [made_on(name, seed) for seed, name in enumerate(["standard", "defective"])]
    chosen = choose(sets)[:1]
    return int(chosen[0]), [photographs()[0][chosen[0]], *(one.at(chosen)[0][0] for one in sets)]


def png_size(image: np.ndarray) -> int:
    file = io.BytesIO()
    Image.fromarray(np.moveaxis(image, 0, -1)).save(file, "PNG")
    return len(file.getvalue())


def test_sizes_and_colours_are_those_of_the_images_shown(asked: Ask) -> None:
    drawn, (chosen, images) = figure(*asked("dropped")), two_sets()
    upper, lower = np.split(np.array(drawn.axes), 2)
    clean = png_size(images[0])
    for i, (above, below, image) in enumerate(zip(upper, lower, images, strict=True)):
        np.testing.assert_array_equal(np.asarray(above.images[0].get_array()), np.moveaxis(image, 0, -1))
        change = f" ({100 * (png_size(image) / clean - 1):+.0f} %)" if i else ""
        assert f"PNG {png_size(image):,} B{change}\n" in above.get_title()
        patch = np.moveaxis(image, 0, -1)  # the image is smaller than the patch that is counted
        assert below.get_xlabel() == f"{len({tuple(colour) for colour in patch.reshape(-1, 3).tolist()})} colours"
    assert f"Test image {chosen}, " in words(drawn)


def test_sets_large_enough_for_a_sheet_say_how_its_size_changes(asked: Ask) -> None:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (70, 1, 16, 16), dtype=np.uint8))
    flat = np.full(images.shape, 9, dtype=np.uint8)
    one = Examples("flat", np.arange(70), np.zeros(70), flat, *[np.zeros(70)] * 3)
    assert re.fullmatch(
        r"\nflat, all 70 images in one file: PNG -9\d %, JPEG -\d\d %.", sheets({"images": images}, [one])
    )
    few = Examples("few", np.arange(9), np.zeros(9), flat[:9], *[np.zeros(9)] * 3)
    assert sheets({"images": images}, [few]) == ""


def test_a_ladder_has_a_row_per_attack_from_clean_to_its_largest_budget(asked: Ask) -> None:
    drawn = figure(*asked("ladder"))
    first, second = np.split(np.array(drawn.axes), 2)
    heads = [[axis.get_title().split("\n")[0] for axis in line] for line in (first, second)]
    assert heads == [["clean", "4", "16", ""], ["clean", "20", "60", "100"]]
    assert [line[0].get_ylabel() for line in (first, second)] == ["PGD", "AdvDrop"]
    assert first[1].get_title().split("\n")[1].startswith("PNG ")
    assert second[-1].get_xlabel().endswith("[x]")
    largest = [made_on(name, seed) for name, seed in (("defective", 1), ("standard", 0))]  # the others need not fool
    assert f"Test image {choose(largest)[0]}, " in words(drawn)


# Pairs -----------------------------------------------------------------------------------------------------


def test_denoised_images_stand_beside_what_they_come_from(asked: Ask) -> None:
    settings, files = asked("denoise")
    line = figure(settings, files).axes[:6]
    titles = [axis.get_title().replace("\n", " ") for axis in line]
    assert titles == ["clean", "clean, mean", "PGD, 16", "PGD, 16, mean", "AdvDrop, 20", "AdvDrop, 20, mean"]
    with networks_of([settings["network"]], files["checkpoints"]) as networks:
        (network,) = networks
    for before, after in zip(line[::2], line[1::2], strict=True):
        image, cleared = (np.asarray(axis.images[0].get_array())[..., 0] for axis in (before, after))
        blurred = torch.nn.functional.avg_pool2d(torch.from_numpy(image)[None, None].float(), 3, 1, 1)
        np.testing.assert_allclose(cleared, blurred[0, 0], atol=0.51)
        said = CLASSES[int(network(as_pixels(torch.from_numpy(cleared.copy())[None, None])).argmax())]
        assert after.get_xlabel().replace("\n", " ").removesuffix(" [x]") == said


def test_attention_is_the_rectified_gradient_weighted_sum_of_the_last_maps(asked: Ask) -> None:
    settings, files = asked("attention")
    with networks_of([settings["network"]], files["checkpoints"]) as networks:
        (network,) = networks
    images = read_tensors(files["images"][0])["images"][:3]
    layer = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)][-1]
    kept: list[torch.Tensor] = []
    hook = layer.register_forward_hook(lambda module, given, output: kept.append(output))
    logits = network(as_pixels(images))
    hook.remove()
    (gradient,) = torch.autograd.grad(logits.max(1).values.sum(), kept[0])
    slow = (gradient.mean((2, 3), keepdim=True) * kept[0]).sum(1).relu().detach()
    whole = torch.nn.functional.interpolate(slow[:, None], images.shape[2:], mode="bilinear")[:, 0]
    top = whole.amax((1, 2), keepdim=True)
    found = attention(network, images)
    np.testing.assert_allclose(found, (whole / top.clamp_min(1e-12)).numpy(), atol=1e-4)
    assert found.shape == (3, 12, 12)
    assert found.min() >= 0
    assert found.max() == pytest.approx(1)


def test_a_network_without_maps_has_no_attention() -> None:
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(144, 4))
    with pytest.raises(LacunaError, match="no convolution with more than one position"):
        attention(flat, torch.zeros(2, 1, 12, 12, dtype=torch.uint8))


# Frequencies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 24), (12, 9)])
def test_bands_hold_the_energy_of_the_blocks(height: int, width: int) -> None:
    images = np.random.default_rng(height).integers(0, 256, (3, 2, height, width), dtype=np.uint8)
    found = band_energy(images)
    padded = np.pad(images.astype(float), ((0, 0), (0, 0), (0, -height % 8), (0, -width % 8)), mode="edge")
    slow = np.zeros(15)
    for image in padded.reshape(-1, *padded.shape[2:]):
        for top, left in itertools.product(range(0, image.shape[0], 8), range(0, image.shape[1], 8)):
            block = dctn(image[top : top + 8, left : left + 8], norm="ortho")
            for u, v in itertools.product(range(8), range(8)):
                slow[u + v] += block[u, v] ** 2
    np.testing.assert_allclose(found, slow)
    assert found.sum() == pytest.approx(np.square(padded).sum())


def test_halved_images_lose_six_decibel_in_every_band() -> None:
    images = np.random.default_rng(0).integers(0, 128, (2, 1, 16, 16), dtype=np.uint8) * 2
    np.testing.assert_allclose(band_change(images, images // 2), 20 * np.log10(0.5))
    flat = np.full((1, 1, 8, 8), 100, dtype=np.uint8)
    assert band_change(flat, flat)[0] == 0


def test_every_line_is_over_the_images_that_fool_all(asked: Ask) -> None:
    axis = figure(*asked("spectrum")).axes[0]
    sets = [made_on(name, seed) for seed, name in enumerate(["standard", "defective"])]
    common = np.array([image for image in sets[0].fooled() if image in sets[1].fooled()])
    clean = photographs()[0][common]
    for line, one in zip(axis.lines, sets, strict=False):
        np.testing.assert_allclose(line.get_ydata(), band_change(clean, one.at(common)[0]))


# The attack's parts ----------------------------------------------------------------------------------------


def test_rounding_is_drawn_for_each_alpha_with_its_slope(asked: Ask) -> None:
    left, right = figure(*asked("rounding")).axes
    assert [line.get_label() for line in left.lines] == ["hard", "alpha 0.1", "alpha 0.02"]
    for curve, slope in zip(left.lines[1:], right.lines, strict=True):
        x, y = (np.asarray(part) for part in curve.get_data())
        assert y[np.isclose(x, 1)] == pytest.approx(1)
        inner = np.abs(x - np.round(x)) > 0.02  # the slope jumps at integers
        inner[[0, -1]] = False
        np.testing.assert_allclose(np.gradient(y, x)[inner], np.asarray(slope.get_ydata())[inner], rtol=0.02, atol=0.02)


def test_the_pipeline_shows_the_attacks_own_tables(asked: Ask) -> None:
    settings, files = asked("pipeline")
    drawn = figure(settings, files)
    panels = {axis.get_title()[3:]: np.asarray(axis.images[0].get_array()) for axis in drawn.axes if axis.images}
    c, q = panels["coefficients c"], panels["table q"]
    np.testing.assert_allclose(panels["quantised"], q * np.round(c / q), atol=1e-3)
    assert q.min() >= 1
    assert q.max() <= 1 + settings["budget"]["bound"]
    assert q.max() > 1
    block = panels["one block"][..., 0].astype(float)
    np.testing.assert_allclose(c, dctn(block - 128, norm="ortho"), atol=1e-3)


def test_panels_of_the_pipeline_stand_in_two_straight_rows(asked: Ask) -> None:
    panels = [axis for axis in figure(*asked("pipeline")).axes if axis.get_title()[:1].isdigit()]
    rows = [{round(axis.get_position().y0, 3) for axis in line} for line in (panels[:4], panels[4:])]
    assert [len(row) for row in rows] == [1, 1]
    assert len({round(axis.get_position().width, 3) for axis in panels}) == 1


# Colours ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5, 255.0])
def test_values_that_are_all_alike_have_one_colour_in_every_panel(value: float) -> None:
    alike = np.full((2, 2), value)
    low, high = colour_limits(alike)
    nearly = np.nextafter(value, np.inf)  # a mean of such values
    colours = matplotlib.colormaps["viridis"]((np.array([value, nearly]) - low) / (high - low))
    assert low < value < high
    assert (colours[0] == colours[1]).all()


def test_a_colour_scale_spans_its_values() -> None:
    assert colour_limits(np.array([[3, 7], [5, 4]])) == (3, 7)
