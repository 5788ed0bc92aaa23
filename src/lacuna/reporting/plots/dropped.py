"""One image under several attacks: file sizes, and colours in a patch (AdvDrop, Figure 1)."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lacuna.reporting.plots.style import LETTERS_PER_INCH, ORANGE, PAGE_WIDTH, caption, finish, page, show, styled

GRID = 8  # patches start at multiples of this, as JPEG's blocks do


@dataclass(frozen=True)
class Sized:
    """An image uint8 (C, H, W) under ``name``, what it is labelled, and the bytes of its files by format."""

    name: str
    image: np.ndarray
    predicted: str
    right: bool
    sizes: dict[str, int]


@styled
def dropped(views: Sequence[Sized], title: str, note: str) -> Figure:
    """Above the images with their sizes and predictions, the patch marked; below the patch, and its distinct colours.

    The first view is the clean image, which sizes and colours are compared with.
    """
    clean = views[0]
    top, left, side = patch_of(clean.image)
    tile = min(2.2, PAGE_WIDTH / len(views))
    figure = page(max(4.5, tile * len(views)), 2 * tile + 1.9)
    upper, lower = figure.subplots(2, len(views), squeeze=False)
    for above, below, view in zip(upper, lower, views, strict=True):
        show(above, view.image)
        above.add_patch(Rectangle((left - 0.5, top - 0.5), side, side, fill=False, edgecolor=ORANGE, linewidth=1.5))
        name = textwrap.fill(view.name, int(tile * LETTERS_PER_INCH))
        above.set_title("\n".join([name, *_lines(view, clean)]))
        caption(above, view.predicted, right=view.right)
        patch = view.image[:, top : top + side, left : left + side]
        show(below, patch)
        caption(below, f"{colours(patch)} colours")
    rule = f"Below: the marked patch of {side} x {side} pixels, the one with most colours in the clean image."
    return finish(figure, title, f"{rule} [x]: wrong prediction.\n{note}")


def colours(image: np.ndarray) -> int:
    """How many distinct colours an image (C, H, W) has."""
    return len(np.unique(image.reshape(len(image), -1), axis=1).T)


def patch_of(image: np.ndarray) -> tuple[int, int, int]:
    """Top, left and side of the patch with most colours, 16 pixels or 8 where the image is below 64; first if equal."""
    side = 16 if min(image.shape[1:]) >= 64 else GRID
    places = [
        (top, left)
        for top in range(0, image.shape[1] - side + 1, GRID)
        for left in range(0, image.shape[2] - side + 1, GRID)
    ]
    top, left = max(places, key=lambda p: colours(image[:, p[0] : p[0] + side, p[1] : p[1] + side]))
    return top, left, side


def _lines(view: Sized, clean: Sized) -> list[str]:
    """The sizes of a view's files, with the change against the clean image's."""
    changes = [f" ({100 * (size / clean.sizes[name] - 1):+.0f} %)" for name, size in view.sizes.items()]
    shown = changes if view is not clean else [""] * len(changes)
    return [f"{name} {size:,} B{change}" for (name, size), change in zip(view.sizes.items(), shown, strict=True)]
