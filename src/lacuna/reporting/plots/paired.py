"""Clean and attacked images in pairs with what is made of each: a denoised image, or a map of attention (AdvDrop)."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lacuna.reporting.plots.style import LETTERS_PER_INCH, PAGE_WIDTH, caption, finish, page, show, styled

LETTERS, NARROWEST = 12, 4.5


@dataclass(frozen=True)
class View:
    """An image uint8 (C, H, W) and its prediction; ``heat`` (H, W) in [0, 1], where given, is laid over it."""

    image: np.ndarray
    predicted: str
    right: bool
    heat: np.ndarray | None = None


@styled
def paired(rows: Sequence[Sequence[View]], names: Sequence[str], truth: Sequence[str], title: str, note: str) -> Figure:
    """One row per image, named by its true label; one column per name. Under each image its prediction."""
    tile = min(1.5, (PAGE_WIDTH - 0.8) / len(names))
    figure = page(max(NARROWEST, 0.8 + tile * len(names)), (tile + 0.2) * len(rows) + 1.5)
    axes = figure.subplots(len(rows), len(names), squeeze=False)
    letters = int(tile * LETTERS_PER_INCH)
    for axis, name in zip(axes[0], names, strict=True):
        axis.set_title(textwrap.fill(name, letters))
    for line, views, label in zip(axes, rows, truth, strict=True):
        for axis, view in zip(line, views, strict=True):
            _draw(axis, view, letters)
        line[0].set_ylabel(textwrap.fill(label, LETTERS), rotation=0, ha="right", va="center")
    return finish(figure, title, f"Left: the true label. Below each image: the prediction, [x] where wrong.\n{note}")


def _draw(axis: Axes, view: View, letters: int) -> None:
    show(axis, view.image)
    if view.heat is not None:
        axis.imshow(view.heat, cmap="inferno", vmin=0, vmax=1, alpha=0.6, interpolation="none")
    caption(axis, textwrap.fill(view.predicted, letters - 4), right=view.right)
