"""Places labels of points so that they cover neither each other nor a point."""

from collections.abc import Sequence

import numpy as np

LETTER, LINE, MARK = 5.0, 9.0, 4.0  # points: width of a letter, height of a line, half the side of a point's mark
AWAY = (7.0, 13.0, 24.0, 36.0, 48.0)  # points from a mark to the middle of its label, the nearest first
TURNS = (45, 225, 315, 135, 90, 270, 0, 180)  # directions in degrees, in the order in which they are tried
Box = tuple[float, float, float, float]  # left, bottom, right, top


def label_places(x: Sequence[float], y: Sequence[float], texts: Sequence[str]) -> list[tuple[float, float]]:
    """Offsets in points of the middle of each label from its point, at (x, y) in points.

    Each label takes the first place that is free; where none is, the farthest.
    """
    taken: list[Box] = [(a - MARK, b - MARK, a + MARK, b + MARK) for a, b in zip(x, y, strict=True)]
    places = []
    for a, b, text in zip(x, y, texts, strict=True):
        half = LETTER * len(text) / 2, LINE / 2
        tried = [_offset(half, distance, turn) for distance in AWAY for turn in TURNS]
        boxes = [(a + dx - half[0], b + dy - half[1], a + dx + half[0], b + dy + half[1]) for dx, dy in tried]
        free = next((i for i, box in enumerate(boxes) if not any(_overlap(box, other) for other in taken)), -1)
        taken.append(boxes[free])
        places.append(tried[free])
    return places


def _offset(half: tuple[float, float], distance: float, turn: float) -> tuple[float, float]:
    angle = np.deg2rad(turn)
    return float((distance + half[0] - LINE / 2) * np.cos(angle)), float(distance * np.sin(angle))


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
