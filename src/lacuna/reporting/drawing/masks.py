"""Neuron masks of a network as tiles (Defective CNN, Figure 1)."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.typing import ColorType

from lacuna.errors import LacunaError
from lacuna.models.networks import trained_network
from lacuna.reporting.drawing.core.inputs import Files, Settings, note_for
from lacuna.reporting.drawing.core.style import FONT_SIZE, ORANGE, PAGE_WIDTH, bare, lay_out, page, styled, with_legend
from lacuna.reporting.structure import read_structure

CHANNELS = 6  # tiles per row
KINDS: dict[str, ColorType] = {
    "live neuron": "white",
    "defective neuron": "black",
    "position without any live neuron": ORANGE,
}


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: network, that model's network settings. Files: checkpoints (one)."""
    network = trained_network(settings["network"], files["checkpoints"], "cpu")
    tensors = dict(network.named_buffers())
    layers = {
        f"Block {block.number}, {block.masked[0].partition('.')[2]}": tensors[f"{block.masked[0]}.mask"][0].numpy()
        for block in read_structure(network, tuple(settings["network"]["image"])).blocks
        if block.masked
    }
    if not layers:
        raise LacunaError(f"{settings['network']['model']} has no masks to draw")
    note = f"First masked layer of each block of {settings['network']['model']}.\n{note_for(settings)}"
    return masks(dict(list(layers.items())[:3]), settings["title"], note)


@styled
def masks(layers: Mapping[str, np.ndarray], title: str, note: str) -> Figure:
    """One row per layer: the masks of its first channels, and how many channels are live at each position.

    ``layers`` maps a layer's label to its mask (C, H, W) of zeros and ones. Positions at which no channel has a live
    neuron are coloured in every tile. The share of neurons kept stands above each row.
    """
    figure = page(PAGE_WIDTH, 1.55 * len(layers) + 1.1)
    patches = [Patch(facecolor=colour, edgecolor="black", label=kind) for kind, colour in KINDS.items()]
    rows = with_legend(figure, patches, len(patches)).subfigures(len(layers), 1, squeeze=False)[:, 0]
    for row, (label, mask) in zip(rows, layers.items(), strict=True):
        row.suptitle(describe(label, mask), fontsize=FONT_SIZE, x=0.01, ha="left")
        axes = row.subplots(1, CHANNELS + 1, width_ratios=[1] * CHANNELS + [1.25])
        for channel, axis in enumerate(axes[:-1]):
            _tile(axis, mask, channel)
        _count(axes[-1], mask)
    return lay_out(figure, title, note)


def describe(label: str, mask: np.ndarray) -> str:
    """Shape, share of neurons kept, and number of positions without a live neuron, of a mask (C, H, W)."""
    channels, height, width = mask.shape
    dead = int((mask.sum(0) == 0).sum())
    return (
        f"{label}: {channels} channels of {height} x {width}; keeps {100 * mask.mean():.1f} % of {mask.size} neurons; "
        f"{dead} of {height * width} positions without a live neuron"
    )


def _tile(axis: Axes, mask: np.ndarray, channel: int) -> None:
    bare(axis)
    if channel >= len(mask):
        return
    kinds = np.where(mask[channel] > 0, 0, np.where(mask.sum(0) == 0, 2, 1))
    axis.imshow(kinds, cmap=ListedColormap(list(KINDS.values())), vmin=0, vmax=2, interpolation="none")
    axis.set_title(f"channel {channel}")
    axis.spines[:].set(visible=True, linewidth=0.5)


def _count(axis: Axes, mask: np.ndarray) -> None:
    live = np.ma.masked_equal(mask.sum(0), 0)
    bare(axis)
    axis.set_facecolor(ORANGE)  # shows where nothing is drawn
    image = axis.imshow(live, cmap="Greys_r", vmin=0, vmax=len(mask), interpolation="none")
    axis.set_title("live channels")
    axis.figure.colorbar(image, ax=axis, ticks=[0, len(mask)], fraction=0.05)
