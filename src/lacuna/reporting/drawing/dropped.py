"""One image under several attacks: file sizes, and colours in a patch (AdvDrop, Figure 1)."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from lacuna.evaluation.quality import centre_patch, measure_quality
from lacuna.files.artefacts import read_tensors
from lacuna.reporting.drawing.core.inputs import Files, Settings, note_for, rule_for, sets_of
from lacuna.reporting.drawing.core.sizes import FORMATS, SIZES, Sized, with_sizes
from lacuna.reporting.drawing.core.style import (
    ORANGE,
    PAGE_WIDTH,
    caption,
    lay_out,
    page,
    show,
    styled,
    wrapped,
)
from lacuna.reporting.examples import Examples, choose


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (a list of {label, attack}, attack a code). Files: images (the test set), adversarial
    (one set per row). Shows the first image, by class, whose examples fool every source."""
    data, sets = read_tensors(files["images"][0]), sets_of(settings, files)
    chosen = choose(sets)[:1]
    views = with_sizes(data, sets, chosen, settings["classes"])
    height, width = data["images"].shape[2:]
    rule = rule_for(data, chosen, settings["classes"])
    note = f"{rule} {SIZES}{sheets(data, sets)}\n{note_for(settings)}"
    return dropped(views, centre_patch((height, width)), settings["title"], note)


def sheets(data: Mapping[str, Tensor], sets: Sequence[Examples]) -> str:
    """How the size of a file with all images of each set compares to that of the clean ones; empty for small sets."""
    parts = []
    for one in sets:
        pair = data["images"][one.ids], torch.from_numpy(one.images)
        ratios = {name: float(measure_quality(f"sheet_{name.lower()}_ratio", *pair)[0]) for name in FORMATS}
        changes = [f"{name} {100 * (ratio - 1):+.0f} %" for name, ratio in ratios.items() if ratio == ratio]
        parts += [f"{one.name}, all {len(one.ids)} images in one file: {', '.join(changes)}."] if changes else []
    return "".join(f"\n{part}" for part in parts)


@styled
def dropped(views: Sequence[Sized], patch: tuple[slice, slice], title: str, note: str) -> Figure:
    """Above the images with their sizes and predictions, the patch marked; below the patch, and its distinct colours.

    ``patch`` is its rows and columns. The first view is the clean image, which sizes are compared with.
    """
    clean, (rows, columns) = views[0], patch
    tile = min(2.2, PAGE_WIDTH / len(views))
    figure = page(max(4.5, tile * len(views)), 2 * tile + 1.9)
    upper, lower = figure.subplots(2, len(views), squeeze=False)
    for above, below, view in zip(upper, lower, views, strict=True):
        show(above, view.image)
        above.add_patch(_frame(rows, columns))
        name = wrapped(view.name, tile)
        above.set_title("\n".join([name, *_lines(view, clean)]))
        caption(above, view.predicted, right=view.right)
        show(below, view.image[:, rows, columns])
        caption(below, f"{colours(view.image[:, rows, columns])} colours")
    rule = f"Below: the marked patch, {rows.stop - rows.start} x {columns.stop - columns.start} pixels."
    return lay_out(figure, title, f"{rule} [x]: wrong prediction.\n{note}")


def colours(image: np.ndarray) -> int:
    """How many distinct colours an image (C, H, W) has."""
    return len(np.unique(image.reshape(len(image), -1), axis=1).T)


def _frame(rows: slice, columns: slice) -> Rectangle:
    place = (columns.start - 0.5, rows.start - 0.5)
    size = (columns.stop - columns.start, rows.stop - rows.start)
    return Rectangle(place, *size, fill=False, edgecolor=ORANGE, linewidth=1.5)


def _lines(view: Sized, clean: Sized) -> list[str]:
    """The sizes of a view's files, with the change against the clean image's."""
    changes = [f" ({100 * (size / clean.sizes[name] - 1):+.0f} %)" for name, size in view.sizes.items()]
    shown = changes if view is not clean else [""] * len(changes)
    return [f"{name} {size:,} B{change}" for (name, size), change in zip(view.sizes.items(), shown, strict=True)]
