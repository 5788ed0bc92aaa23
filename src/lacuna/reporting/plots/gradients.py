"""Gradients of the loss with respect to clean images (dual perturbation, Figure 6)."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from lacuna.reporting.plots.style import (
    FONT_SIZE,
    LETTERS_PER_INCH,
    PAGE_WIDTH,
    bare,
    caption,
    finish,
    page,
    show,
    styled,
)

RULE = (
    "Columns: of each class the first test image that every network gets right. Rows: gradient of the cross-entropy, "
    "summed over channels, in nats per unit of the pixel range; blue is negative, red positive. The scale of each is "
    "symmetric, its end, the 99.5th percentile of the absolute values, stands below."
)
MARGIN = 1.0  # inches for the names of rows
PERCENTILE = 99.5


@styled
def gradients(
    images: np.ndarray, labels: Sequence[str], found: Mapping[str, np.ndarray], title: str, note: str
) -> Figure:
    """The clean images, and one row of gradients per network, each on a scale of its own, which stands below it.

    ``images`` uint8 (N, C, H, W) with their true ``labels``; ``found`` maps a network to gradients (N, C, H, W), in
    nats per unit of the pixel range.
    """
    tile = min(1.1, (PAGE_WIDTH - MARGIN) / len(images))
    lines = 1 + len(found)
    figure = page(max(4.5, MARGIN + tile * len(images)), (tile + 0.15) * lines + 1.2)
    axes = figure.subplots(lines, len(images), squeeze=False)
    for axis, image, label in zip(axes[0], images, labels, strict=True):
        show(axis, image)
        axis.set_title(textwrap.fill(label, int(tile * LETTERS_PER_INCH)), pad=2)
    name = {"rotation": 0, "ha": "right", "va": "center", "fontsize": FONT_SIZE}
    axes[0][0].set_ylabel("clean", **name)
    for line, (network, gradient) in zip(axes[1:], found.items(), strict=True):
        for axis, one in zip(line, gradient.sum(1), strict=True):
            end = scale_of(one)
            axis.imshow(one, cmap="RdBu_r", vmin=-end, vmax=end, interpolation="none")
            bare(axis)
            caption(axis, f"\N{PLUS-MINUS SIGN}{end:.1g}")
        line[0].set_ylabel(textwrap.fill(network, 14), **name)
    return finish(figure, title, f"{RULE}\n{note}")


def scale_of(flat: np.ndarray) -> float:
    """End of the symmetric colour scale of one gradient (H, W); 1 where it is zero nearly everywhere."""
    return float(np.percentile(np.abs(flat), PERCENTILE)) or 1.0
