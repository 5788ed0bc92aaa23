"""Clean and attacked images in pairs with what is made of each: a denoised image, or a map of attention (AdvDrop)."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from lacuna.numerics.images import as_pixels
from lacuna.reporting.drawing.core.inputs import Settings, note_for
from lacuna.reporting.drawing.core.style import BESIDE, PAGE_WIDTH, caption, lay_out, page, show, styled, wrapped
from lacuna.reporting.examples import Examples, choose

ROWS = 4  # images of a figure
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
    for axis, name in zip(axes[0], names, strict=True):
        axis.set_title(wrapped(name, tile))
    for line, views, label in zip(axes, rows, truth, strict=True):
        for axis, view in zip(line, views, strict=True):
            _draw(axis, view, tile)
        line[0].set_ylabel(textwrap.fill(label, LETTERS), rotation=0, ha="right", va="center")
    return lay_out(figure, title, f"Left: the true label. Below each image: the prediction, [x] where wrong.\n{note}")


def _draw(axis: Axes, view: View, tile: float) -> None:
    show(axis, view.image)
    if view.heat is not None:
        axis.imshow(view.heat, cmap="inferno", vmin=0, vmax=1, alpha=0.6, interpolation="none")
    caption(axis, wrapped(view.predicted, tile - BESIDE), right=view.right)


def image_columns(data: Mapping[str, Tensor], sets: Sequence[Examples]) -> tuple[list[int], dict[str, Tensor]]:
    """Labels of the images to show, and their clean and adversarial images uint8 (N, C, H, W) by column."""
    ids = choose(sets)[:ROWS]
    columns = {"clean": data["images"][ids]} | {one.name: torch.from_numpy(one.at(ids)[0]) for one in sets}
    return data["labels"][ids].tolist(), columns


def views_of(
    network: nn.Module, images: Tensor, truth: Sequence[int], classes: Sequence[str], heat: np.ndarray | None = None
) -> list[View]:
    """Images uint8 (N, C, H, W) with what a network says of them; maps ``heat`` (N, H, W), if given, lie over them."""
    with torch.no_grad():
        said = network(as_pixels(images)).argmax(1).tolist()
    heats = [None] * len(images) if heat is None else list(heat)
    return [
        View(image, classes[one], one == label, shade)
        for image, one, label, shade in zip(images.numpy(), said, truth, heats, strict=True)
    ]


def draw_pairs(
    settings: Settings, columns: Sequence[Sequence[View]], names: Sequence[str], truth: Sequence[int], rule: str
) -> Figure:
    """`paired` of columns of views, with the note that says how images are chosen and then the figure's own rule."""
    rows, labels = list(zip(*columns, strict=True)), [settings["classes"][label] for label in truth]
    chosen = "Images: of each of the first classes the first that fools the source under every attack shown."
    return paired(rows, names, labels, settings["title"], f"{chosen} {rule}\n{note_for(settings)}")
