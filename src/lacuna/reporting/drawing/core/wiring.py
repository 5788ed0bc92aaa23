"""One unit of a diagram: its boxes from top to bottom, and beside them the paths that go round."""

import textwrap
from collections.abc import Sequence

from matplotlib.typing import ColorType

from lacuna.reporting.drawing.core.pen import LINE, PADDING, RADIUS, Pen
from lacuna.reporting.drawing.core.style import ORANGE, tint
from lacuna.reporting.structure import Op, Step, Unit

MAIN, SIDE, LANE = 1.12, 0.92, 0.09  # widths in inches: boxes, boxes on side paths, room for a line
MAIN_LETTERS, SIDE_LETTERS = 18, 14
GAP = 0.13  # between boxes
HARD = "\N{NO-BREAK SPACE}"
LETTER = 0.072  # width of a bold letter
MASKED: ColorType = tint(ORANGE)
PLAIN, BEHIND = "white", "0.95"


def lane_width(unit: Unit) -> float:
    """Width in inches that a unit needs right of its boxes, for side paths, its name, or numbers of boxes."""
    name = LETTER * len(name_of(unit)) - MAIN / 2 + PADDING
    number = 4 * LETTER if any(step.repeat > 1 for step in unit.steps) else 0
    joins = [i for i, step in enumerate(unit.steps) if step.symbol]
    paths = LANE * (2 + max(level(unit, i) for i in joins)) + _side_width(unit) if joins else 0
    return max(name, number, paths)


def name_of(unit: Unit) -> str:
    """What stands above a unit; empty for a single one whose class says nothing."""
    return f"{unit.kind} x {unit.repeat}" if unit.repeat > 1 else unit.kind


def level(unit: Unit, join: int) -> int:
    """How many other side paths a join's side path goes round."""
    start = unit.steps[join].start
    return sum(1 for i in range(join) if unit.steps[i].symbol and unit.steps[i].start >= start)


def _side_width(unit: Unit) -> float:
    return SIDE if any(step.side for step in unit.steps) else 0


def draw_unit(pen: Pen, x: float, y: float, unit: Unit) -> float:
    """Draws a unit with its upper left corner at (x, y); returns the y of its lower edge.

    A named or repeated unit has a frame. The main path enters and leaves at the middle of the boxes.
    """
    name, top, middle = name_of(unit), y, x + MAIN / 2
    if name:
        pen.text((middle + PADDING, y + PADDING + LINE / 2), name, ha="left", weight="bold")
        y += LINE + PADDING
        pen.line((middle, top), (middle, y))
    y = _Wires(pen, x, y, unit).draw()
    if name:
        pen.line((middle, y), (middle, y + PADDING))
        y += PADDING
        pen.frame(x - PADDING, top, MAIN + lane_width(unit) + 2 * PADDING, y - top, BEHIND, edge="0.8")
    return y


class _Wires:
    """Where the lines of one unit run, while it is drawn from top to bottom."""

    def __init__(self, pen: Pen, x: float, y: float, unit: Unit) -> None:
        self.pen, self.x, self.y, self.unit = pen, x, y, unit
        self.middle, self.lane, self.free = x + MAIN / 2, x + MAIN + LANE, y
        self.ends: dict[int, tuple[float, float]] = {}  # join -> where its side path has come to

    def draw(self) -> float:
        """Draws all steps; returns the y where the last one ends."""
        for i, step in enumerate(self.unit.steps):
            self._leave(i - 1)
            self._step(i, step)
        return self.y

    def _leave(self, start: int) -> None:
        """Starts the side paths that leave after step ``start``, with their boxes."""
        for join, step in enumerate(self.unit.steps):
            if step.symbol and step.start == start:
                self._side(join, step)

    def _side(self, join: int, step: Step) -> None:
        outer = level(self.unit, join)
        y, x = self.y + 0.3 * GAP, self.lane + _side_width(self.unit) + LANE * outer
        if not outer:
            x = self.lane + (SIDE / 2 if step.side else 0)
        self.pen.line((self.middle, y), (x, y))
        self.ends[join] = (x, y)
        if step.side:
            top = max(y + 0.7 * GAP, self.free)
            self.pen.line((x, y), (x, top), arrow=True)
            width = max(SIDE, x + PADDING - self.lane)
            self.free = self.pen.box(self.lane, top, width, *_content(step.side, SIDE_LETTERS)) + 0.7 * GAP
            self.ends[join] = (x, self.free - 0.7 * GAP)

    def _step(self, i: int, step: Step) -> None:
        below = self.ends[i][1] + 0.4 * GAP - RADIUS if step.side else 0.0
        top = max(self.y + GAP, below)
        self.pen.line((self.middle, self.y), (self.middle, top), arrow=True)
        if not step.symbol:
            lines, fill = _content(step.ops, MAIN_LETTERS)
            self.y = self.pen.box(self.x, top, MAIN, lines, fill)
            if step.repeat > 1:
                self.pen.text(
                    (self.x + MAIN + PADDING, (top + self.y) / 2), f"x {step.repeat}", ha="left", weight="bold"
                )
            return
        self.y, half = self.pen.join(self.middle, top, step.symbol)
        (x, y), level_of_join = self.ends[i], (top + self.y) / 2
        self.pen.line((x, y), (x, level_of_join), (self.middle + half, level_of_join), arrow=True)


def _content(ops: Sequence[Op], letters: int) -> tuple[list[str], ColorType]:
    """Lines of a box of at most ``letters``, and its colour."""
    fixed = [op.text.replace(" ", HARD).replace(f"{HARD}/", " /") for op in ops]  # breaks between operations only
    lines = [line.replace(HARD, " ") for line in textwrap.wrap(", ".join(fixed), letters, break_long_words=False)]
    return lines, MASKED if any(op.masks for op in ops) else PLAIN
