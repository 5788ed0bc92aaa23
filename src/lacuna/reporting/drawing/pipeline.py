"""How AdvDrop makes an image: blocks, their DCT, a table per block, and back (AdvDrop's overview figure)."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from lacuna.attacks import advdrop
from lacuna.attacks.core.run import Attempt
from lacuna.attacks.core.victim import freeze
from lacuna.files.artefacts import read_tensors
from lacuna.numerics.images import as_pixels
from lacuna.reporting.drawing.core.inputs import Files, Settings, note_for, rule_for
from lacuna.reporting.drawing.core.networks import networks_of
from lacuna.reporting.drawing.core.style import (
    ORANGE,
    PAGE_WIDTH,
    bare,
    caption,
    colour_limits,
    lay_out,
    page,
    show,
    styled,
)
from lacuna.reporting.examples import Examples, choose

SIDE = 8
RULE = (
    "Marked: the block with most energy besides its mean. Above from left to right, then below: the image in 8 x 8 "
    "blocks; the block's values; its DCT coefficients c; its table q; the quantised coefficients q round(c / q); the "
    "block and the image they give; the mean of the tables of all blocks. Coefficients and tables: units of the 0..255 "
    "scale, the mean of a block upper left, frequencies growing to the right and downwards. The attack "
    "itself rounds softly; panel 5 rounds hard."
)


@dataclass(frozen=True)
class Stages:
    """One image's way through the attack, one channel of it where there are several.

    ``clean``, ``made`` uint8 (C, H, W); ``coefficients``, ``tables``, ``quantised`` float (rows, columns, 8, 8) of the
    blocks of one channel; ``predicted`` what the source says before and after, ``right`` whether that is the label.
    """

    clean: np.ndarray
    made: np.ndarray
    coefficients: np.ndarray
    tables: np.ndarray
    quantised: np.ndarray
    predicted: tuple[str, str]
    right: tuple[bool, bool]

    def block(self) -> tuple[int, int]:
        """Row and column of the block with most energy besides its mean, of those that were not padded."""
        energy = np.square(self.coefficients).sum((2, 3)) - np.square(self.coefficients[..., 0, 0])
        energy = energy[: self.clean.shape[1] // SIDE or 1, : self.clean.shape[2] // SIDE or 1]
        row, column = np.unravel_index(int(energy.argmax()), energy.shape)
        return int(row), int(column)


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (one {label, attack}, an AdvDrop set), budget (its budget), network (its source's
    settings). Files: images, adversarial (that set), checkpoints (of the source).

    Sets hold no tables, so the first image that fools the source, by class, is attacked again: the same tables."""
    data, tensors = read_tensors(files["images"][0]), read_tensors(files["adversarial"][0])
    (row,), classes = settings["rows"], settings["classes"]
    chosen = choose([Examples.read(tensors, row["attack"], row["label"])])[:1]
    place = tensors["image"] == int(chosen[0])
    x, labels = as_pixels(data["images"][chosen]), data["labels"][chosen]
    wanted = tensors[f"{row['attack']}.wanted"][place] if settings["budget"].get("targeted") else None
    budget = Attempt(row["attack"], "advdrop", settings["budget"]).arguments()
    how = {key: value for key, value in budget.items() if key not in ("targeted", "aim", "tables")}
    made, truth = tensors[f"{row['attack']}.images"][place], int(labels[0])
    with networks_of([settings["network"]], files["checkpoints"]) as (network,), freeze(network):
        found = advdrop.learn_tables(network, x, labels, wanted, **how)
        said = [int(network(as_pixels(images)).argmax()) for images in (data["images"][chosen], made)]
    before = advdrop.coefficients(x)
    quantised, _ = advdrop.quantise(before, found.tables, None)
    stages = Stages(
        data["images"][int(chosen[0])].numpy(),
        made[0].numpy(),
        before[0, 0].numpy(),
        found.tables[0, 0].numpy(),
        quantised[0, 0].numpy(),
        (classes[said[0]], classes[said[1]]),
        (said[0] == truth, said[1] == truth),
    )
    channel = " First channel." if made.shape[1] > 1 else ""
    rule = f"{rule_for(data, chosen, classes)}{channel} Attack {row['attack']} on {settings['network']['model']}."
    return pipeline(stages, settings["title"], f"{rule}\n{note_for(settings)}")


@styled
def pipeline(stages: Stages, title: str, note: str) -> Figure:
    """Eight panels: above image, block, coefficients, table; below coefficients, block and image after, mean table."""
    row, column = stages.block()
    figure = page(PAGE_WIDTH, 6.0)
    upper, lower = figure.subplots(2, 4)
    _image(upper[0], stages, 0, "1  image in blocks")
    _block(upper[1], stages.clean, (row, column), "2  one block")
    top = float(np.abs(stages.coefficients[row, column]).max()) or 1.0
    _coefficients(upper[2], stages.coefficients[row, column], top, "3  coefficients c")
    table = _table(upper[3], stages.tables[row, column], stages.tables, "4  table q")
    zeros = _coefficients(lower[0], stages.quantised[row, column], top, "5  quantised")
    kept = int(np.count_nonzero(stages.quantised[row, column].round(3)))
    caption(lower[0], f"{kept} of 64 are not 0")
    _block(lower[1], stages.made, (row, column), "6  block after")
    _image(lower[2], stages, 1, "7  image after")
    _table(lower[3], stages.tables.mean((0, 1)), stages.tables, "8  mean table")
    for drawn, columns, name in ((zeros, slice(3), "coefficient"), (table, slice(3, 4), "table entry")):
        beside, height = [*upper[columns], *lower[columns]], 0.04  # the bars are equally high
        bar = figure.colorbar(
            drawn, ax=beside, label=name, location="bottom", fraction=height, aspect=7 * len(beside), pad=0.03
        )
        if len(beside) == 2:
            bar.locator = MaxNLocator(2)  # a narrow bar, whose numbers would touch
    return lay_out(figure, title, f"{RULE}\n{note}")


def _image(axis: Axes, stages: Stages, after: int, title: str) -> None:
    show(axis, (stages.clean, stages.made)[after])
    row, column = stages.block()
    rows, columns = stages.coefficients.shape[:2]
    for i in range(1, rows):
        axis.axhline(i * SIDE - 0.5, color="0.5", linewidth=0.4)
    for i in range(1, columns):
        axis.axvline(i * SIDE - 0.5, color="0.5", linewidth=0.4)
    place = (column * SIDE - 0.5, row * SIDE - 0.5)
    axis.add_patch(Rectangle(place, SIDE, SIDE, fill=False, edgecolor=ORANGE, linewidth=1.5))
    axis.set_title(title)
    caption(axis, stages.predicted[after], right=stages.right[after])


def _block(axis: Axes, image: np.ndarray, place: tuple[int, int], title: str) -> None:
    top, left = (SIDE * i for i in place)
    show(axis, image[:, top : top + SIDE, left : left + SIDE])
    axis.set_title(title)


def _coefficients(axis: Axes, block: np.ndarray, top: float, title: str) -> AxesImage:
    drawn = axis.imshow(block, cmap="RdBu_r", norm=SymLogNorm(1, vmin=-top, vmax=top), interpolation="none")
    bare(axis)
    axis.set_title(title)
    return drawn


def _table(axis: Axes, table: np.ndarray, tables: np.ndarray, title: str) -> AxesImage:
    low, high = colour_limits(tables)
    drawn = axis.imshow(table, cmap="viridis", vmin=low, vmax=high, interpolation="none")
    bare(axis)
    axis.set_title(title)
    return drawn
