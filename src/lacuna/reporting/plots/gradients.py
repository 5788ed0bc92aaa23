"""Gradients of the loss with respect to clean images (dual perturbation, Figure 6)."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lacuna.reporting.plots.style import (
    FONT_SIZE,
    LETTERS_PER_INCH,
    PAGE_WIDTH,
    bare,
    caption,
    finish,
    outline,
    page,
    show,
    styled,
)

RULE = (
    "Columns: of each class the first test image that every network gets right, its foreground outlined. Rows: "
    "gradient of the cross-entropy, summed over channels, in nats per unit of the pixel range; blue is negative, red "
    "positive. Below each: the end of its symmetric scale, the 99.5th percentile of the absolute values, and the share "
    "of them on the foreground; below each image the foreground's share of its area."
)
MARGIN = 1.0  # inches for the names of rows
PERCENTILE = 99.5


@dataclass(frozen=True)
class Row:
    """A network's gradients (N, H, W), in nats per unit of the pixel range, and their shares (N,) on the foreground."""

    network: str
    gradients: np.ndarray
    shares: np.ndarray


@styled
def gradients(
    images: np.ndarray, labels: Sequence[str], masks: np.ndarray, rows: Sequence[Row], title: str, note: str
) -> Figure:
    """The clean images, and one row of gradients per network, each on a scale of its own, which stands below it.

    ``images`` uint8 (N, C, H, W) with their true ``labels`` and foreground ``masks``, bool (N, H, W).
    """
    tile = min(1.1, (PAGE_WIDTH - MARGIN) / len(images))
    lines = 1 + len(rows)
    figure = page(max(4.5, MARGIN + tile * len(images)), (tile + 0.3) * lines + 1.4)
    axes = figure.subplots(lines, len(images), squeeze=False)
    for axis, image, label, mask in zip(axes[0], images, labels, masks, strict=True):
        show(axis, image)
        outline(axis, mask)
        caption(axis, f"{mask.mean():.0%}")
        axis.set_title(textwrap.fill(label, int(tile * LETTERS_PER_INCH)), pad=2)
    name = {"rotation": 0, "ha": "right", "va": "center", "fontsize": FONT_SIZE}
    axes[0][0].set_ylabel("clean", **name)
    for line, row in zip(axes[1:], rows, strict=True):
        for axis, one, share in zip(line, row.gradients, row.shares, strict=True):
            end = scale_of(one)
            axis.imshow(one, cmap="RdBu_r", vmin=-end, vmax=end, interpolation="none")
            bare(axis)
            caption(axis, f"\N{PLUS-MINUS SIGN}{end:.1g}", f"{share:.0%}")
        line[0].set_ylabel(textwrap.fill(row.network, 14), **name)
    return finish(figure, title, f"{RULE}\n{note}")


def scale_of(flat: np.ndarray) -> float:
    """End of the symmetric colour scale of one gradient (H, W); 1 where it is zero nearly everywhere."""
    return float(np.percentile(np.abs(flat), PERCENTILE)) or 1.0
