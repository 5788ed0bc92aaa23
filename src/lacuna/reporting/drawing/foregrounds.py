"""Images with their foreground outlined, and how much of each image it fills (dual perturbation, section 3.3)."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lacuna.files.artefacts import read_tensors
from lacuna.reporting.drawing.core.inputs import Files, Settings, note_for
from lacuna.reporting.drawing.core.style import (
    BLUE,
    GREY,
    PAGE_WIDTH,
    bare,
    lay_out,
    outline,
    page,
    show,
    styled,
    wrapped,
)

CLASSES, EACH = 10, 4  # columns and rows of the sheet
BINS = np.linspace(0, 1, 26)
RULE = f"Columns: of the first {CLASSES} classes the first {EACH} test images; outlined: the foreground."


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: classes. Files: images (the test set), foreground (its masks)."""
    data, masks = read_tensors(files["images"][0]), read_tensors(files["foreground"][0])["mask"].numpy()
    note = note_for(settings)
    images, labels = data["images"].numpy(), data["labels"].numpy()
    return foregrounds(images, labels, masks, settings["classes"], settings["title"], note)


@styled
def foregrounds(
    images: np.ndarray, labels: np.ndarray, masks: np.ndarray, classes: Sequence[str], title: str, note: str
) -> Figure:
    """A contact sheet of test images, and a histogram of the foreground's share over all of them.

    ``images`` uint8 (N, C, H, W), ``labels`` int (N,), ``masks`` bool (N, H, W). Empty and full masks are counted
    above the histogram.
    """
    shown = sorted(set(labels.tolist()))[:CLASSES]
    tile = min(1.1, PAGE_WIDTH / len(shown))
    width = max(4.5, tile * len(shown))
    figure = page(width, tile * EACH + 3.2)
    sheet, below = figure.subfigures(2, 1, squeeze=False, height_ratios=[tile * EACH + 0.5, 2.0])[:, 0]
    axes = sheet.subplots(EACH, len(shown), squeeze=False)
    for column, label in zip(axes.T, shown, strict=True):
        column[0].set_title(wrapped(classes[label], tile), pad=2)
        members = np.flatnonzero(labels == label)[:EACH].tolist()
        for axis in column:
            bare(axis)
        for axis, image in zip(column, members, strict=False):
            show(axis, images[image])
            outline(axis, masks[image])
    _histogram(below.subplots(), masks.mean((1, 2)))
    return lay_out(figure, title, f"{RULE}\n{note}")


def describe(fractions: np.ndarray) -> str:
    """Mean and range of the foreground's share (N,), and how many masks are empty or full."""
    empty, full = int((fractions == 0).sum()), int((fractions == 1).sum())
    return (
        f"{len(fractions)} test images: mean {fractions.mean():.2f}, from {fractions.min():.2f} to "
        f"{fractions.max():.2f}; {empty} empty, {full} full"
    )


def _histogram(axis: Axes, fractions: np.ndarray) -> None:
    axis.hist(fractions, BINS.tolist(), color=BLUE, edgecolor="white", linewidth=0.5)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axis.axvline(float(fractions.mean()), color=GREY, linestyle="--", linewidth=1)
    axis.set(xlim=(0, 1), xlabel="foreground, as a share of the image", ylabel="images", title=describe(fractions))
