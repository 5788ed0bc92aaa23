"""Gradients of the loss with respect to clean images (dual perturbation, Figure 6)."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.evaluation.gradients import loss_gradient, measure_gradients
from lacuna.evaluation.predictions import predict
from lacuna.files.artefacts import read_tensors
from lacuna.reporting.drawing.core.inputs import Files, Settings, note_for
from lacuna.reporting.drawing.core.networks import networks_of
from lacuna.reporting.drawing.core.style import (
    FONT_SIZE,
    LETTERS_PER_INCH,
    PAGE_WIDTH,
    bare,
    caption,
    lay_out,
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
BATCH = 100
COLUMNS = 6  # images whose gradients are shown


@dataclass(frozen=True)
class Row:
    """A network's gradients (N, H, W), in nats per unit of the pixel range, and their shares (N,) on the foreground."""

    network: str
    gradients: np.ndarray
    shares: np.ndarray


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: classes, networks (a list of network settings), names (one per network). Files: images (the test set),
    foreground (its masks), checkpoints (of the networks, in their order)."""
    data, masks = read_tensors(files["images"][0]), read_tensors(files["foreground"][0])["mask"]
    with networks_of(settings["networks"], files["checkpoints"]) as networks:
        chosen = right_on_all(networks, data["images"], data["labels"])
        images, labels = data["images"][chosen], data["labels"][chosen]
        gradients_of = [loss_gradient(network, images, labels, BATCH) for network in networks]
    found = dict(zip(settings["names"], gradients_of, strict=True))
    shares = {name: measure_gradients(one, masks[chosen])["gradient_in_foreground"] for name, one in found.items()}
    rows = [Row(name, one.numpy(), shares[name].numpy()) for name, one in found.items()]
    names = [settings["classes"][label] for label in labels.tolist()]
    return gradients(images.numpy(), names, masks[chosen].numpy(), rows, settings["title"], note_for(settings))


def right_on_all(networks: list[nn.Module], images: Tensor, labels: Tensor) -> Tensor:
    """Ids of the first image of each class, in the order of classes, that every network gets right; at most six.

    Raises `LacunaError` where there is none.
    """
    right = torch.stack([predict(network, images, BATCH) == labels for network in networks]).all(0)
    first = [torch.nonzero(right & (labels == label)).flatten()[:1] for label in sorted(set(labels.tolist()))]
    chosen = torch.cat(first)[:COLUMNS]
    if not len(chosen):
        raise LacunaError("no test image is right on every network; there is no gradient to show")
    return chosen


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
    axes[0][0].set_ylabel("clean\nimage", **name)
    for line, row in zip(axes[1:], rows, strict=True):
        for axis, one, share in zip(line, row.gradients, row.shares, strict=True):
            end = scale_of(one)
            axis.imshow(one, cmap="RdBu_r", vmin=-end, vmax=end, interpolation="none")
            bare(axis)
            caption(axis, f"\N{PLUS-MINUS SIGN}{end:.1g}", f"{share:.0%}")
        line[0].set_ylabel(textwrap.fill(row.network, 14), **name)
    return lay_out(figure, title, f"{RULE}\n{note}")


def scale_of(flat: np.ndarray) -> float:
    """End of the symmetric colour scale of one gradient (H, W); 1 where it is zero nearly everywhere."""
    return float(np.percentile(np.abs(flat), PERCENTILE)) or 1.0
