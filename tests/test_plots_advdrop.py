"""Figures of AdvDrop, and the heat map of the cross table."""

import re

from drawing import cross_cells, words

from lacuna.reporting.plots.heatmap import flags_of, heatmap

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
    assert flags_of(cells) == {}
    drawn = heatmap(cells, PANELS, "A title", "A note")
    assert "Marks" not in words(drawn)
    assert all(re.fullmatch(r"[0-9.]+", text.get_text()) for axis in drawn.axes[:2] for text in axis.texts)
