"""What each kind of figure shows, and by which rule it is chosen."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawing import (
    CLASSES,
    CODE,
    Ask,
    history,
    made_on,
    network_settings,
    noise_cells,
    photographs,
    table12,
    words,
)

from lacuna.errors import LacunaError
from lacuna.reporting.drawing import figure
from lacuna.reporting.drawing.curves import curves
from lacuna.reporting.drawing.examples import examples
from lacuna.reporting.drawing.masks import CHANNELS, describe, masks
from lacuna.reporting.drawing.noise import noise_points
from lacuna.reporting.drawing.shuffled import shuffled
from lacuna.reporting.drawing.tradeoff import tradeoff, tradeoff_points
from lacuna.reporting.examples import Examples, choose

# Masks -----------------------------------------------------------------------------------------------------


def test_the_share_kept_and_the_dead_positions_are_written() -> None:
    mask = np.zeros((2, 3, 4))
    mask[0, 0, 0] = mask[1, 0, 0] = mask[1, 2, 3] = 1
    said = describe("Block 0", mask)
    assert said == (
        "Block 0: 2 channels of 3 x 4; keeps 12.5 % of 24 neurons; 10 of 12 positions without a live neuron"
    )


def test_tiles_show_the_masks_and_mark_dead_positions() -> None:
    draw = np.random.default_rng(0)
    layers = {f"layer {i}": (draw.random((c, 5, 5)) < 0.2).astype(float) for i, c in enumerate((3, 9))}
    drawn = masks(layers, "A title", "A note")
    tiles = [axis for axis in drawn.axes if axis.get_title().startswith("channel")]
    assert len(tiles) == 3 + CHANNELS
    for axis, (mask, channel) in zip(
        tiles, [(m, c) for m in layers.values() for c in range(min(CHANNELS, len(m)))], strict=True
    ):
        shown = np.asarray(axis.images[0].get_array())
        for y in range(5):
            for x in range(5):
                dead = all(mask[c, y, x] == 0 for c in range(len(mask)))
                assert shown[y, x] == (0 if mask[channel, y, x] else 2 if dead else 1)


def test_the_masks_drawn_are_those_of_the_checkpoint(asked: Ask) -> None:
    settings, files = asked("masks")
    said = words(figure(settings, files))
    for block, shape in enumerate(["8 channels of 12 x 12", "8 channels of 12 x 12", "16 channels of 6 x 6"]):
        assert re.search(rf"Block {block}, \S+: {shape}; keeps 30\.", said)
    standard = settings | {"network": network_settings("resnet18-standard-s0")}
    with pytest.raises(LacunaError, match="does not fit"):
        figure(standard, files)


# Examples --------------------------------------------------------------------------------------------------


def chosen_slowly(sets: list[Examples]) -> list[int]:
    """The rule in words: by class, the first image of the first set that is fooled and valid in every set."""
    found = []
    for label in range(3):
        for image, truth in zip(sets[0].ids, sets[0].labels, strict=True):
            hits = [
                any(
                    i == image and ok and before == truth != seen
                    for i, ok, before, seen in zip(s.ids, s.valid, s.clean, s.predicted, strict=True)
                )
                for s in sets
            ]
            if truth == label and all(hits):
                found.append(int(image))
                break
    return found


@pytest.mark.parametrize("seed", range(8))
def test_of_each_class_the_first_image_that_fools_all_is_chosen(seed: int) -> None:
    sets = [made_on(name, seed * 10 + i) for i, name in enumerate("abc")]
    assert choose(sets).tolist() == chosen_slowly(sets)


def test_an_image_that_fools_no_source_is_refused() -> None:
    one = made_on("a", 1)
    with pytest.raises(LacunaError, match="no image fools all of a, b; nothing to show"):
        choose([one, Examples("b", one.ids, one.labels, one.images, one.labels, one.valid, one.labels)])


def test_the_grids_show_clean_images_examples_and_changes() -> None:
    clean, _ = photographs()
    sets = [made_on("standard", 1), made_on("defective", 2)]
    ids = choose(sets)
    drawn = examples(clean, sets, CLASSES, "A title", "A note")
    shown = [np.asarray(axis.images[0].get_array()) for axis in drawn.axes]
    n = len(ids)
    assert len(shown) == n * (1 + 2 + 2)
    wanted = [clean[ids], *(one.at(ids)[0] for one in sets)]
    for images, start in zip(wanted, (0, n, 2 * n), strict=True):
        np.testing.assert_array_equal(np.stack(shown[start : start + n]), np.moveaxis(images, 1, -1))
    for one, start in zip(sets, (3 * n, 4 * n), strict=True):
        change = np.moveaxis(one.at(ids)[0].astype(int) - clean[ids], 1, -1)
        np.testing.assert_array_equal(np.sign(change), np.sign(np.stack(shown[start : start + n]).astype(int) - 128))
    titles = [axis.get_title() for axis in drawn.axes[: 3 * n]]
    truth = sets[0].fooled()
    assert titles[:n] == [CLASSES[truth[i]] for i in ids.tolist()]
    assert titles[n : 2 * n] == [CLASSES[i] for i in sets[0].at(ids)[1]]
    assert all(a != b for a, b in zip(titles[:n], titles[2 * n :], strict=True))


def test_an_unknown_attack_names_those_of_the_set(asked: Ask) -> None:
    settings, files = asked("examples")
    settings["rows"][1] = {"label": "0.2-Bottom", "attack": "mifgsm_e16"}
    with pytest.raises(LacunaError, match=f"0.2-Bottom has no attack mifgsm_e16; allowed: {CODE}"):
        figure(settings, files)


# Shuffled --------------------------------------------------------------------------------------------------


def test_the_first_image_right_on_all_networks_is_shuffled(asked: Ask) -> None:
    settings, files = asked("shuffled")
    drawn, (images, labels) = figure(settings, files), photographs()
    wanted = [images[11], images[11] // 2, images[11] // 3]
    for axis, image in zip(drawn.axes, wanted, strict=True):
        np.testing.assert_array_equal(np.asarray(axis.images[0].get_array()), np.moveaxis(image, 0, -1))
    assert [axis.get_title() for axis in drawn.axes] == ["clean", "2 x 2 patches", "4 x 4 patches"]
    true = CLASSES[labels[11]]
    below = [[text.get_text() for text in axis.texts] for axis in drawn.axes]
    assert below == [
        [f"standard: {true}", f"0.1-Bottom: {true}"],
        [f"standard: {true}", "0.1-Bottom: ankle boot [x]"],
        ["standard: ankle boot [x]", "0.1-Bottom: ankle boot [x]"],
    ]
    assert f"True label: {true}" in words(drawn)


# Lines -----------------------------------------------------------------------------------------------------


def test_noise_lines_start_at_the_clean_images_and_ascend() -> None:
    points = noise_points(noise_cells())
    assert list(dict.fromkeys(points["network"])) == ["ResNet-18", "0.1-Bottom"]
    for _, line in points.groupby("network"):
        assert line["sigma"].tolist() == [0, 1, 8, 32]
        assert line["value"].iloc[0] == line["ci_low"].iloc[0] == line["ci_high"].iloc[0] == 100
    slow = points.set_index(["network", "sigma"])
    assert slow.loc[("0.1-Bottom", 8), ["value", "ci_low", "ci_high"]].tolist() == [96, 93, 97]


def test_the_band_of_a_noise_line_is_its_interval(asked: Ask) -> None:
    axis = figure(*asked("noise")).axes[0]
    bands = [np.asarray(band.get_paths()[0].vertices) for band in axis.collections]
    assert len(bands) == 2
    assert axis.get_xlim()[0] < 0, "marks at 0 are whole"
    assert axis.get_ylim()[0] <= min(band[:, 1].min() for band in bands)
    assert {33.0, 37.0} <= set(bands[0][bands[0][:, 0] == 32, 1].tolist())


def test_the_tradeoff_has_the_printed_points_of_table_12(root: Path) -> None:
    points = tradeoff_points(table12(root), CODE)
    assert points.index.tolist() == [1, 0.7, 0.5, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05]
    assert (points["accuracy_printed"][1.0], points["rate_printed"][1.0]) == (95.33, 14.14)
    assert (points["accuracy_printed"][0.05], points["rate_printed"][0.05]) == (84.53, 97.43)
    np.testing.assert_allclose(points["rate_value"], points["rate_printed"] - 10)


def test_both_sides_of_the_tradeoff_are_drawn_with_every_p(root: Path) -> None:
    cells = table12(root)
    left, right = tradeoff(cells, CODE, "A title", "A note").axes
    points = tradeoff_points(cells, CODE)
    for axis, column in ((left, "printed"), (right, "value")):
        np.testing.assert_array_equal(axis.lines[0].get_xdata(), points[f"accuracy_{column}"])
        np.testing.assert_array_equal(axis.lines[0].get_ydata(), points[f"rate_{column}"])
        assert [text.get_text() for text in axis.texts] == [f"{p:g}" for p in points.index]
    assert left.get_title() == "paper (printed)"
    assert right.get_title() == "ours: mnist, scale demo"


def test_a_tradeoff_without_its_attack_is_refused(root: Path) -> None:
    with pytest.raises(LacunaError, match="table12 has no rate for a tradeoff under pgd_e1"):
        tradeoff_points(table12(root), "pgd_e1")


def test_curves_show_training_and_test_values() -> None:
    whole = pd.concat([history("standard"), history("defective", panel="CIFAR-10")])
    drawn = curves(whole, "A title", "A note")
    assert len(drawn.axes) == 6
    accuracy, loss, rate = drawn.axes[:3]
    one = history("standard")
    assert accuracy.get_title(loc="left") == "MNIST"
    np.testing.assert_allclose(
        [line.get_ydata() for line in accuracy.lines], one[["train_accuracy", "test_accuracy"]].T
    )
    np.testing.assert_allclose([line.get_ydata() for line in loss.lines], one[["train_loss", "test_loss"]].T)
    np.testing.assert_allclose(rate.lines[0].get_ydata(), one["learning_rate"])
    assert rate.get_yscale() == "log"
    assert [line.is_dashed() for line in accuracy.lines] == [True, False]


def test_each_history_gets_its_line_and_panel(asked: Ask) -> None:
    settings, files = asked("curves")
    drawn = figure(settings, files)
    assert [len(line.get_xdata()) for axis in drawn.axes[::3] for line in axis.lines] == [5, 6, 5, 6, 7, 8, 7, 8]
    assert json.dumps(settings["lines"]).count("CIFAR-10") == 2


def test_a_history_without_test_values_has_training_curves_only() -> None:
    accuracy, *_ = curves(history("standard").assign(test_loss=np.nan, test_accuracy=np.nan), "A title", "A note").axes
    assert [line.is_dashed() for line in accuracy.lines] == [True]


def test_a_long_note_stands_below_the_predictions_on_shuffled_images() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    seen = {"standard": ["dress", "bag"], "0.1-Bottom": ["dress", "bag"]}
    drawn = shuffled({"clean": image, "shuffled": image}, "dress", seen, "A title", "what a scale's note says, " * 30)
    drawn.draw_without_rendering()
    captions = [text for axis in drawn.axes for text in axis.texts]
    (note,) = [text for text in drawn.texts if "what a scale's note" in text.get_text()]
    assert len(captions) == 4
    assert note.get_window_extent().y1 <= min(text.get_window_extent().y0 for text in captions)
