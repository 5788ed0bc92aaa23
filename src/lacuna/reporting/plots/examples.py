"""Adversarial examples of several sources beside the clean images (Defective CNN, Figures 3, 6 and 7)."""

import textwrap
from collections.abc import Sequence
from itertools import chain

import numpy as np
from matplotlib.figure import Figure, SubFigure

from lacuna.errors import LacunaError
from lacuna.reporting.plots.style import FONT_SIZE, LETTERS_PER_INCH, PAGE_WIDTH, finish, page, show, styled
from lacuna.reporting.readers.made import Made

RULE = (
    "Columns: of each class the first image of the selection whose adversarial examples fool every source. Above a "
    "clean image its true label, above an adversarial example the label its source predicts."
)
MAXIMUM = 10  # columns on a page
NARROWEST = 4.0  # inches
MARGIN, TITLES = 0.95, 0.2  # inches for the names of rows, and above each image


def choose(sets: Sequence[Made]) -> np.ndarray:
    """Ids of the images to show: of each class, the first in the first set's order that fools every source.

    Sorted by class, at most ten; a class without such an image is left out. Raises `LacunaError` where no image fools
    every source.
    """
    fooled = [one.fooled() for one in sets]
    first: dict[int, int] = {}
    for image, label in fooled[0].items():
        if all(image in others for others in fooled):
            first.setdefault(label, image)
    if not first:
        raise LacunaError(f"no image fools all of {', '.join(one.name for one in sets)}; nothing to show")
    return np.array([first[label] for label in sorted(first)][:MAXIMUM])


@styled
def examples(clean: np.ndarray, sets: Sequence[Made], classes: Sequence[str], title: str, note: str) -> Figure:
    """Upper grid: clean images, then one row per source; lower grid: each perturbation, magnified around grey.

    ``clean`` uint8 (N_test, C, H, W) is the whole test set, indexed by image id.
    """
    ids = choose(sets)
    truth = sets[0].fooled()
    tile = min(0.8, (PAGE_WIDTH - MARGIN) / len(ids))
    width = max(NARROWEST, MARGIN + tile * len(ids))
    upper, lower = (tile + TITLES) * (1 + len(sets)), tile * len(sets) + 0.5
    figure = page(width, upper + lower + 1.4)
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=[upper, lower])[:, 0]
    made = {one.name: one.at(ids) for one in sets}
    rows = {"clean": (clean[ids], [truth[image] for image in ids.tolist()])} | made
    _grid(parts[0], {name: images for name, (images, _) in rows.items()})
    _name(parts[0], [[classes[i] for i in predicted] for _, predicted in rows.values()], tile)
    change = {name: images.astype(int) - clean[ids] for name, (images, _) in made.items()}
    factor = 127 / max(1, *(int(np.abs(c).max()) for c in change.values()))
    _grid(parts[1], {name: (128 + c * factor).astype(np.uint8) for name, c in change.items()})
    parts[1].suptitle(f"Perturbation, {factor:.1f} times larger; grey is no change", fontsize=FONT_SIZE)
    return finish(figure, title, f"{RULE}\n{note}")


def _grid(part: SubFigure, rows: dict[str, np.ndarray]) -> None:
    """Images in rows with a name each."""
    axes = part.subplots(len(rows), len(next(iter(rows.values()))), squeeze=False)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, images, strict=True):
            show(axis, image)
        line[0].set_ylabel(name.replace(", ", "\n"), rotation=0, ha="right", va="center")


def _name(part: SubFigure, names: list[list[str]], tile: float) -> None:
    """Puts a label above each image of a grid, in the order of its rows."""
    letters = int(tile * LETTERS_PER_INCH)
    for axis, text in zip(part.axes, chain(*names), strict=True):
        axis.set_title(textwrap.fill(text, letters), pad=2)
