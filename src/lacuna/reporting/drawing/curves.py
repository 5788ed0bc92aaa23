"""Training and test curves (Defective CNN, Figure 14)."""

from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from lacuna.files.artefacts import read_frame
from lacuna.reporting.drawing.core.inputs import Files, Settings, note_for
from lacuna.reporting.drawing.core.style import GREY, PAGE_WIDTH, lay_out, page, styled, with_legend

# What a column of panels shows: its label, the training column and the test column.
PANELS = {
    "accuracy in percent": ("train_accuracy", "test_accuracy"),
    "loss (cross-entropy, nats)": ("train_loss", "test_loss"),
    "learning rate": ("learning_rate", None),
}
DASHES: dict[str, tuple[float | None, float | None]] = {"training": (2, 1.5), "test": (None, None)}


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: lines, a list of {network, panel}. Files: histories, one per line."""
    frames = [
        read_frame(path).assign(network=line["network"], panel=line["panel"])
        for line, path in zip(settings["lines"], files["histories"], strict=True)
    ]
    return curves(pd.concat(frames, ignore_index=True), settings["title"], note_for(settings))


@styled
def curves(history: pd.DataFrame, title: str, note: str) -> Figure:
    """Accuracy, loss and learning rate over the epochs, one colour per network, dashed for training.

    ``history`` has one line per network and epoch: panel (one row of panels each, such as a dataset), network, epoch
    from 1, train_loss, train_accuracy, test_loss, test_accuracy (accuracies in percent) and learning_rate. A network
    without test values, NaN, has training curves only.
    """
    rows = list(dict.fromkeys(history["panel"]))
    names = list(dict.fromkeys(history["network"]))
    palette = dict(zip(names, sns.color_palette("colorblind", len(names)), strict=True))
    figure = page(PAGE_WIDTH, 2.2 * len(rows) + 1.1)
    colours = [Line2D([], [], color=palette[name], label=name) for name in names]
    styles = [Line2D([], [], color=GREY, dashes=DASHES[images], label=images) for images in DASHES]
    body = with_legend(figure, [*colours, *styles], len(names) + len(styles))
    axes = body.subplots(len(rows), len(PANELS), squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        part = long_form(history[history["panel"] == row])
        for axis, label in zip(line, PANELS, strict=True):
            _panel(axis, part[part["quantity"] == label], label, palette)
        line[0].set_title(row, loc="left")
    return lay_out(figure, title, note)


def long_form(history: pd.DataFrame) -> pd.DataFrame:
    """Columns network, epoch, quantity (a key of `PANELS`), images (training or test) and value."""
    parts = []
    for quantity, columns in PANELS.items():
        for images, column in zip(("training", "test"), columns, strict=True):
            if column is not None:
                values = history[["network", "epoch"]].assign(quantity=quantity, images=images, value=history[column])
                parts.append(values.dropna())
    return pd.concat(parts, ignore_index=True)


def _panel(axis: Axes, part: pd.DataFrame, label: str, palette: dict[str, tuple[float, float, float]]) -> None:
    for key, line in part.groupby(["network", "images"], sort=False):
        name, images = map(str, key)
        how: dict[str, Any] = {"dashes": DASHES[images], "linewidth": 1.2}
        if label == "learning rate":  # often the same for all: the first shows as a border of the later ones
            how = {"linewidth": 1.2 + 1.5 * (len(palette) - 1 - list(palette).index(name))}
        axis.plot(line["epoch"], line["value"], color=palette[name], **how)
    axis.set(xlabel="epoch", ylabel=label)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, steps=[1, 2, 5, 10]))
    axis.grid(alpha=0.3)
    if label == "learning rate":
        axis.set_yscale("log")
