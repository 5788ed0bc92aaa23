"""Adversarial examples of several sources beside the clean images (Defective CNN, Figures 3, 6 and 7)."""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
from matplotlib.figure import Figure, SubFigure

from lacuna.files.artefacts import read_tensors
from lacuna.reporting.drawing.core.inputs import Files, Settings, note_for, sets_of
from lacuna.reporting.drawing.core.style import (
    FONT_SIZE,
    LETTERS_PER_INCH,
    PAGE_WIDTH,
    lay_out,
    page,
    show,
    styled,
    wrapped,
)
from lacuna.reporting.examples import Examples, choose

RULE = (
    "Columns: of each class the first image of the selection whose adversarial examples fool every source. Above a "
    "clean image its label, above an adversarial example the label its source predicts."
)
NARROWEST = 4.0  # inches
MARGIN, TITLES = 0.95, 0.2  # inches for the names of rows, and above each image


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (a list of {label, attack}, attack a code). Files: images (the test set), adversarial
    (one set per row)."""
    data = read_tensors(files["images"][0])
    return examples(
        data["images"].numpy(), sets_of(settings, files), settings["classes"], settings["title"], note_for(settings)
    )


@styled
def examples(clean: np.ndarray, sets: Sequence[Examples], classes: Sequence[str], title: str, note: str) -> Figure:
    """Upper grid: clean images, then one row per source; lower grid: each perturbation, magnified around grey.

    ``clean`` uint8 (N_test, C, H, W) is the whole test set, indexed by image id.
    """
    truth = sets[0].fooled()
    ids = _that_fit(choose(sets), sets, truth, classes)
    tile = min(0.8, (PAGE_WIDTH - MARGIN) / len(ids))
    width = max(NARROWEST, MARGIN + tile * len(ids))
    upper, lower = (tile + TITLES) * (1 + len(sets)), tile * len(sets) + 0.5
    figure = page(width, upper + lower + 1.4)
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=[upper, lower])[:, 0]
    made = {one.name: one.at(ids) for one in sets}
    rows = {"clean": (clean[ids], [truth[image] for image in ids.tolist()])} | made
    _grid(parts[0], {name: images for name, (images, _) in rows.items()})
    names = [[classes[i] for i in predicted] for _, predicted in rows.values()]
    for axis, name in zip(parts[0].axes, chain(*names), strict=True):
        axis.set_title(wrapped(name, tile), pad=2)
    change = {name: images.astype(int) - clean[ids] for name, (images, _) in made.items()}
    factor = 127 / max(1, *(int(np.abs(c).max()) for c in change.values()))
    _grid(parts[1], {name: (128 + c * factor).astype(np.uint8) for name, c in change.items()})
    parts[1].suptitle(f"Perturbation, {factor:.1f} times larger; grey is no change", fontsize=FONT_SIZE)
    return lay_out(figure, title, f"{RULE}\n{note}")


def _that_fit(
    ids: np.ndarray, sets: Sequence[Examples], truth: Mapping[int, int], classes: Sequence[str]
) -> np.ndarray:
    """As many of the images, the first ones, as have room side by side for the longest word above one of them."""
    labels = chain((truth[image] for image in ids.tolist()), *(one.at(ids)[1].tolist() for one in sets))
    longest = max(len(word) for label in labels for word in classes[label].split())
    return ids[: max(1, int((PAGE_WIDTH - MARGIN) * LETTERS_PER_INCH / longest))]


def _grid(part: SubFigure, rows: dict[str, np.ndarray]) -> None:
    """Images in rows with a name each."""
    axes = part.subplots(len(rows), len(next(iter(rows.values()))), squeeze=False)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, images, strict=True):
            show(axis, image)
        line[0].set_ylabel(name.replace(", ", "\n"), rotation=0, ha="right", va="center")
