"""What all figures share: fonts, colours, the title above and the note below, and how they are saved."""

import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import IO, Any, ParamSpec

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter
from matplotlib.transforms import Bbox

from lacuna.files.escapes import for_xml
from lacuna.language.symbols import with_symbols

FONT_SIZE = 8  # points at print size; nothing is smaller
PAGE_WIDTH = 7.0  # inches, an upright page within its margins
LETTERS_PER_INCH = 16
BESIDE = 4 / LETTERS_PER_INCH  # inches that a caption leaves for the sign of a wrong prediction
LINE_HEIGHT = 1.25 * FONT_SIZE / 72  # inches
NOTE_LINES = 4  # for which figures have room; the figure grows by what its note takes beyond them

# Text stays text in an SVG: it can be searched and copied, and the file is a third of the size.
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "lacuna",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": FONT_SIZE,
    "figure.dpi": 200,
    "lines.markersize": 5,
    "xtick.labelsize": FONT_SIZE,
    "ytick.labelsize": FONT_SIZE,
    "legend.fontsize": FONT_SIZE,
    "axes.labelsize": FONT_SIZE,
    "axes.titlesize": FONT_SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
PALETTE: list[tuple[float, float, float]] = sns.color_palette("colorblind")  # Okabe and Ito's, told apart by everyone
BLUE, ORANGE, GREEN, VERMILLION = PALETTE[:4]
GREY = "0.35"


P = ParamSpec("P")


@contextmanager
def style() -> Iterator[None]:
    """This project's style whatever the user's own settings are; those come back afterwards."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def styled(plot: Callable[P, Figure]) -> Callable[P, Figure]:
    """Makes a plot draw in this project's style."""

    @wraps(plot)
    def inner(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with style():
            return plot(*args, **kwargs)

    return inner


def page(width: float, height: float) -> Figure:
    """An empty figure of ``width`` x ``height`` inches whose parts make room for each other."""
    return Figure(figsize=(width, height), layout="constrained")


def with_legend(figure: Figure, handles: Sequence[Artist], columns: int) -> SubFigure:
    """Puts a legend of ``columns`` columns between title and drawing; returns the place for the drawing."""
    lines = -(-len(handles) // columns)
    heights = [0.2 * lines, figure.get_figheight() - 1]
    top, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    top.legend(handles=handles, ncols=columns, loc="center", frameon=False)
    return below


def wrapped(text: str, width: float) -> str:
    """A text in lines that fit ``width`` inches, as far as its words do: none is broken."""
    letters = int(width * LETTERS_PER_INCH)
    return "\n".join(textwrap.fill(line, letters, break_long_words=False) for line in text.splitlines())


def note_height(note: str, width: float) -> float:
    """Inches that a note takes below a figure of ``width`` inches."""
    return LINE_HEIGHT * len(wrapped(note, width).splitlines())


def lay_out(figure: Figure, title: str, note: str) -> Figure:
    """Title above, note (scale, dataset, rules) below, both wrapped to the figure's width.

    Where the parts of a figure make room for each other, a long note makes the figure higher, not its panels lower.
    """
    width = figure.get_figwidth()
    if figure.get_layout_engine():
        more = note_height(note, width) - NOTE_LINES * LINE_HEIGHT
        figure.set_figheight(figure.get_figheight() + max(0, more))
    figure.suptitle(wrapped(title, 0.8 * width), fontsize=FONT_SIZE + 2)
    figure.supxlabel(wrapped(note, width), fontsize=FONT_SIZE, color=GREY, x=0.01, ha="left")
    as_written(figure)
    if figure.get_layout_engine():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        _settle(figure)
    return figure


def as_written(figure: Figure) -> None:
    """Shows every text letter by letter: a dollar begins no formula.

    Symbols that are spelt out become symbols, and what SVG cannot hold is replaced by a sign.
    """
    for text in _texts(figure):
        text.set_parse_math(False)
        text.set_text(with_symbols(for_xml(text.get_text())))


def _texts(artist: Artist) -> Iterator[Text]:
    """The texts of an artist, but for the powers at a logarithmic axis, which matplotlib writes as formulae.

    Ticks are not asked for, only taken where they are there: to make them early would change the layout.
    """
    if isinstance(artist, Text):
        yield artist
    parts = artist.get_children() if not isinstance(artist, Axis) else [artist.label]
    if isinstance(artist, Axis) and (
        artist.get_scale() == "linear" or isinstance(artist.get_major_formatter(), FixedFormatter)
    ):
        parts += [tick for kind in ("majorTicks", "minorTicks") for tick in vars(artist).get(kind, ())]
    for part in parts:
        yield from _texts(part)


def _settle(part: Figure | SubFigure) -> None:
    """Rounds every position; the layout's solver orders by memory address, so that its last digits differ each time."""
    for inner in part.subfigs:
        inner.bbox_relative.set_points(inner.bbox_relative.get_points().round(5))
        _settle(inner)
    for axis in part.get_axes():  # also those of the inner parts
        axis.set_position(Bbox(axis.get_position(original=True).get_points().round(5)))
    for text in part.texts:
        x, y = text.get_position()
        text.set_position((round(x, 5), round(y, 5)))


def tint(colour: tuple[float, float, float]) -> tuple[float, float, float]:
    """A lighter shade, for areas with text on them."""
    red, green, blue = (0.4 + 0.6 * part for part in colour)
    return red, green, blue


def colour_limits(values: np.ndarray) -> tuple[float, float]:
    """The ends of a colour scale for all values; with room where they are all alike, so that one has one colour."""
    low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def show(axis: Axes, image: np.ndarray) -> None:
    """An image uint8 (C, H, W), C 1 or 3, pixel by pixel, without axes."""
    flat = np.moveaxis(image, 0, -1)
    axis.imshow(flat.repeat(3, 2) if flat.shape[2] == 1 else flat, interpolation="none")
    bare(axis)


def outline(axis: Axes, mask: np.ndarray, colour: tuple[float, float, float] = ORANGE) -> None:
    """The border of a mask bool (H, W) along the edges of its pixels, over an image that `show` drew."""
    fine = np.pad(np.kron(mask, np.ones((4, 4))), 1)
    places = [(np.arange(length) - 0.5) / 4 - 0.5 for length in fine.shape]
    axis.contour(places[1], places[0], fine, levels=[0.5], colors=[colour], linewidths=0.8)


def caption(axis: Axes, *lines: str, right: bool | None = None) -> None:
    """Lines below an image; ``right`` says whether the last, a prediction, is: blue, or red with ``[x]``."""
    colour = {None: "black", True: BLUE, False: VERMILLION}[right]
    axis.set_xlabel("\n".join(lines) + (" [x]" if right is False else ""), color=colour, labelpad=2)


def bare(axis: Axes) -> None:
    """Takes ticks and frame from an axis that shows an image."""
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def save(figure: Figure, path: str, origin: str = "") -> None:
    """Writes ``figure`` as SVG or PNG, by the path's ending; equal figures give equal bytes, no date inside.

    ``origin`` says where it comes from, in the file's own description.
    """
    save_to(figure, path, path.rpartition(".")[2], origin)


def save_to(figure: Figure, place: str | IO[bytes], kind: str, origin: str = "") -> None:
    """As `save`, to a path or a buffer; ``kind`` is svg or png."""
    as_written(figure)
    undated = {"Date": None} if kind == "svg" else {"Software": None}
    with style():
        figure.savefig(place, format=kind, metadata=undated | ({"Description": for_xml(origin)} if origin else {}))
