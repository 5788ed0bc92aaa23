"""The architecture of a network, its masked layers in colour (Defective CNN, Figures 8 to 13)."""

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lacuna.models.networks import new_network
from lacuna.reporting.drawing.core.inputs import Files, Settings, note_for
from lacuna.reporting.drawing.core.pen import INK, LINE, Pen, Point
from lacuna.reporting.drawing.core.style import PAGE_WIDTH, lay_out, note_height, styled
from lacuna.reporting.drawing.core.wiring import MAIN, MASKED, draw_unit, lane_width
from lacuna.reporting.structure import Block, Structure, read_structure

GUTTER = 0.2  # between columns
TOP = 0.44  # of the first box below a column's heading
BETWEEN = 0.22  # units of a column
ABOVE, BELOW = 0.4, 0.4  # room for title; for legend

KEY = "mask n %: share of neurons kept. /2: stride 2. Sizes: channels x height x width. x n: n alike, drawn once."


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: network, a model's network settings. Files: none, an untrained network has the same structure."""
    asked = settings["network"]
    network = new_network(asked, torch.zeros(1), torch.ones(1))
    width = f", width {asked['width']} of the paper's" if "width" in asked else ""
    note = f"Network {asked['model']}{width}.\n{note_for(settings)}"
    return diagram(read_structure(network, tuple(asked["image"])), settings["title"], note)


@styled
def diagram(network: Structure, title: str, note: str) -> Figure:
    """One column per block, from top to bottom, the head below the last; equal units drawn once with their number.

    A box lists its operations in the order they run. Those with a mask are coloured and say which share of the
    neurons is kept.
    """
    figure = Figure()
    axis = figure.add_axes((0, 0, 1, 1))
    pen, x = Pen(axis), GUTTER
    ends: list[Point] = []
    for block in network.blocks:
        ends.append(_column(pen, x, block, ends[-1] if ends else None, network))
        x += _width(block)
    bottom = draw_unit(pen, ends[-1][0] - MAIN / 2, ends[-1][1], network.head)
    width, note = max(PAGE_WIDTH, x), f"{KEY}\n{note}"
    foot = note_height(note, width) + 0.1
    height = max(bottom, *(y for _, y in ends)) + ABOVE + BELOW + foot
    figure.set_size_inches(width, height)
    axis.set(xlim=(0, width), ylim=(height - ABOVE, -ABOVE))
    axis.set_axis_off()
    patch = Patch(facecolor=MASKED, edgecolor=INK, label=legend_text(network))
    figure.legend(handles=[patch], frameon=False, loc="center", bbox_to_anchor=(0.5, (foot + 0.1) / height))
    return lay_out(figure, title, note)


def legend_text(network: Structure) -> str:
    """How many layers are masked, and the share of their neurons that is kept."""
    layers = sum(len(op.masks) for op in network.masks)
    kept, neurons = sum(op.kept for op in network.masks), sum(op.neurons for op in network.masks)
    return f"masked layer; {layers} of them keep {kept:,} of {neurons:,} neurons" if layers else "masked layer: none"


def _width(block: Block) -> float:
    return MAIN + max(lane_width(unit) for unit in block.units) + GUTTER


def _column(pen: Pen, x: float, block: Block, leaving: Point | None, network: Structure) -> Point:
    """Draws a block from x on; returns where the main path leaves it. It comes from ``leaving``, or is the image."""
    middle, y = x + MAIN / 2, TOP
    pen.text((x, LINE / 2), f"Block {block.number}", ha="left", weight="bold", fontsize=10)
    if leaving is None:
        pen.text((middle, y - 0.16), f"image {_size(network.image)}")
    else:
        gutter, turn, enter = x - GUTTER / 2, leaving[1] + 0.12, y - 0.12
        pen.line(leaving, (leaving[0], turn), (gutter, turn), (gutter, enter), (middle, enter), (middle, y))
    for i, unit in enumerate(block.units):
        if i:
            pen.line((middle, y - BETWEEN), (middle, y))
        y = draw_unit(pen, x, y, unit)
        pen.text((middle + 0.05, y + 0.11), _size(unit.shape), ha="left")
        y += BETWEEN
    pen.line((middle, y - BETWEEN), (middle, y))
    return middle, y


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
