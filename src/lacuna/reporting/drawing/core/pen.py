"""Boxes, joins and lines of a diagram, in inches from the upper left corner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch
from matplotlib.typing import ColorType

from lacuna.reporting.drawing.core.style import FONT_SIZE

LINE = 0.132  # height of a line of text
PADDING = 0.04
RADIUS = 0.085
INK = "0.25"
Point = tuple[float, float]


@dataclass(frozen=True)
class Pen:
    """Draws on an axis whose unit is the inch and whose y grows downwards."""

    axis: Axes

    def box(self, x: float, y: float, width: float, lines: Sequence[str], fill: ColorType) -> float:
        """A box with centred text, its upper left corner at (x, y); returns the y of its lower edge."""
        height = len(lines) * LINE + 2 * PADDING
        self.frame(x, y, width, height, fill)
        self.text((x + width / 2, y + height / 2), "\n".join(lines))
        return y + height

    def frame(self, x: float, y: float, width: float, height: float, fill: ColorType, edge: str = INK) -> None:
        """An empty box."""
        corners = "round,pad=0,rounding_size=0.04"
        order = 1 if edge == INK else 0  # a unit's frame lies behind what it holds
        box = FancyBboxPatch((x, y), width, height, corners, lw=0.7, facecolor=fill, edgecolor=edge, zorder=order)
        self.axis.add_patch(box)

    def text(self, at: Point, text: str, **how: Any) -> None:
        """A text centred at a point, unless ``how`` says otherwise."""
        centred: dict[str, Any] = {"ha": "center", "va": "center", "linespacing": LINE * 72 / FONT_SIZE / 1.16}
        self.axis.text(*at, text, **(centred | how))

    def join(self, x: float, y: float, symbol: str) -> tuple[float, float]:
        """A circle (or, for a word, a small box) with a symbol, its top at (x, y); returns lower y, half the width."""
        if len(symbol) > 1:
            return self.box(x - 0.27, y, 0.54, [symbol], "white"), 0.27
        self.axis.add_patch(Circle((x, y + RADIUS), RADIUS, facecolor="white", edgecolor=INK, linewidth=0.7, zorder=1))
        self.text((x, y + RADIUS), symbol)
        return y + 2 * RADIUS, RADIUS

    def line(self, *points: Point, arrow: bool = False) -> None:
        """Straight lines from point to point, with a head at the last if ``arrow``."""
        self.axis.plot(*zip(*points, strict=True), color=INK, linewidth=0.8, zorder=0.5, solid_capstyle="butt")
        if arrow:
            style = {"arrowstyle": "-|>", "color": INK, "lw": 0.8, "mutation_scale": 6, "shrinkA": 0, "shrinkB": 0}
            self.axis.annotate("", xy=points[-1], xytext=points[-2], arrowprops=style, zorder=0.5)
