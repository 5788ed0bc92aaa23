"""One image under several perturbations, and where a saliency model looks (dual perturbation, Figure 1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure

from lacuna.files.artefacts import read_tensors
from lacuna.foreground.saliency import saliency_model
from lacuna.foreign.parts import watched
from lacuna.numerics.images import as_pixels
from lacuna.reporting.drawing.core.inputs import Files, Settings, note_for, sets_of
from lacuna.reporting.drawing.core.style import (
    PAGE_WIDTH,
    bare,
    caption,
    lay_out,
    outline,
    page,
    show,
    styled,
    wrapped,
)
from lacuna.reporting.examples import choose


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


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (a list of {label, attack}, attack a code), saliency (the settings of a saliency model).
    Files: images (the test set), adversarial (one set per row), foreground (masks of the test set).

    Shows the first image, by class, whose examples fool every source.
    """
    data, sets, classes = read_tensors(files["images"][0]), sets_of(settings, files), settings["classes"]
    model = saliency_model(settings["saliency"])
    chosen = choose(sets)[:1]
    image, truth = int(chosen[0]), int(data["labels"][chosen[0]])
    shown = [("clean", data["images"][image], truth)]
    shown += [(one.name, torch.from_numpy(one.at(chosen)[0][0]), int(one.at(chosen)[1][0])) for one in sets]
    with torch.no_grad(), watched(model):
        densities = model(as_pixels(torch.stack([pixels for _, pixels, _ in shown]))).numpy()
    views = [
        Seen(name, pixels.numpy(), density, classes[predicted], predicted == truth)
        for (name, pixels, predicted), density in zip(shown, densities, strict=True)
    ]
    mask = read_tensors(files["foreground"][0])["mask"][image].numpy()
    rule = f"Test image {image}, {classes[truth]}: of the first class that has one, the first that fools every source."
    note = f"{rule}\n{note_for(settings)}"
    return unsuspicious(views, mask, str(model.label), settings["title"], note)


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
        above.set_title(wrapped(view.name, tile))
        caption(above, view.predicted, right=view.right)
        drawn = below.imshow(view.density, cmap="magma", vmin=0, vmax=brightest, interpolation="none")
        outline(below, mask)
        bare(below)
        caption(below, f"foreground score {view.score(mask):.3f}")
    figure.colorbar(drawn, ax=list(lower), label="saliency density", aspect=15, pad=0.02, ticks=[0, brightest])
    lower[-1].images[0].colorbar.ax.set_yticklabels(["0", f"{brightest:.2g}"])
    rule = f"Saliency model: {model}. Outlined: the foreground. [x]: wrong prediction."
    return lay_out(figure, title, f"{rule}\n{note}")
