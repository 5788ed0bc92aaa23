"""One image and its shuffles, with what networks see in them (Defective CNN, Figure 2)."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from lacuna.reporting.plots.style import BLUE, PAGE_WIDTH, VERMILLION, finish, note_height, page, show, styled


@styled
def shuffled(
    images: Mapping[str, np.ndarray], label: str, predictions: Mapping[str, list[str]], title: str, note: str
) -> Figure:
    """One panel per image; below it each network's prediction, blue if it is the true label and red if not.

    ``images`` maps a panel's title to an image uint8 (C, H, W); ``predictions`` maps a network to its predicted
    labels, one per panel. ``[x]`` marks the wrong ones for readers without colours.
    """
    size, note = PAGE_WIDTH / len(images), f"True label: {label}. [x]: wrong prediction.\n{note}"
    figure = page(PAGE_WIDTH, size + 0.2 * len(predictions) + 0.7 + note_height(note, PAGE_WIDTH))
    axes = figure.subplots(1, len(images), squeeze=False)[0]
    for i, (axis, (name, image)) in enumerate(zip(axes, images.items(), strict=True)):
        show(axis, image)
        axis.set_title(name)
        for line, (network, seen) in enumerate(predictions.items()):
            right = seen[i] == label
            text = f"{network}: {seen[i]}{'' if right else ' [x]'}"
            colour = BLUE if right else VERMILLION
            axis.annotate(
                text, (0.5, 0), (0, -12 - 13 * line), "axes fraction", "offset points", ha="center", color=colour
            )
    return finish(figure, title, note)
