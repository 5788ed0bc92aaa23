"""One image under several perturbations, and where a saliency model looks (dual perturbation, Figure 1)."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from lacuna.reporting.plots.style import (
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


@dataclass(frozen=True)
class Seen:
    """An image uint8 (C, H, W) under ``name``, its saliency density (H, W), which sums to 1, and the prediction."""

    name: str
    image: np.ndarray
    density: np.ndarray
    predicted: str
    right: bool

    def score(self, mask: np.ndarray) -> float:
        """The foreground score: the density that lies in the mask bool (H, W), in [0, 1] (section 3.2)."""
        return float(self.density[mask].sum())


@styled
def unsuspicious(views: Sequence[Seen], mask: np.ndarray, model: str, title: str, note: str) -> Figure:
    """Above the images, below their saliency maps on one colour scale; the foreground ``mask`` is outlined in the maps.

    ``model`` names the saliency model. Under each image its prediction, under each map its foreground score.
    """
    tile = min(2.2, PAGE_WIDTH / len(views))
    figure = page(max(4.5, tile * len(views) + 0.5), 2 * tile + 1.2)
    upper, lower = figure.subplots(2, len(views), squeeze=False)
    brightest = max(float(view.density.max()) for view in views)
    for above, below, view in zip(upper, lower, views, strict=True):
        show(above, view.image)
        above.set_title(textwrap.fill(view.name, int(tile * LETTERS_PER_INCH)))
        caption(above, view.predicted, right=view.right)
        drawn = below.imshow(view.density, cmap="magma", vmin=0, vmax=brightest, interpolation="none")
        outline(below, mask)
        bare(below)
        caption(below, f"foreground score {view.score(mask):.3f}")
    figure.colorbar(drawn, ax=list(lower), label="saliency density", aspect=15, pad=0.02, ticks=[0, brightest])
    lower[-1].images[0].colorbar.ax.set_yticklabels(["0", f"{brightest:.2g}"])
    rule = f"Saliency model: {model}. Outlined: the foreground. [x]: wrong prediction."
    return finish(figure, title, f"{rule}\n{note}")
