"""Labels of points cover neither each other nor a point."""

import random

import pytest

from lacuna.reporting.drawing.core.labels import LETTER, LINE, MARK, label_places


def boxes(x: list[float], y: list[float], texts: list[str]) -> list[tuple[float, float, float, float]]:
    """Left, bottom, right and top of every mark and of every label, in points."""
    marks = [(a - MARK, b - MARK, a + MARK, b + MARK) for a, b in zip(x, y, strict=True)]
    found = []
    for a, b, text, (dx, dy) in zip(x, y, texts, label_places(x, y, texts), strict=True):
        half = LETTER * len(text) / 2
        found.append((a + dx - half, b + dy - LINE / 2, a + dx + half, b + dy + LINE / 2))
    return [*marks, *found]


@pytest.mark.parametrize("seed", range(40))
def test_labels_of_a_line_of_points_are_free(seed: int) -> None:
    draw = random.Random(seed)
    count = draw.randint(1, 9)
    x = [draw.uniform(0, 225) for _ in range(count)]
    y = [draw.uniform(0, 145) if draw.random() < 0.3 else draw.uniform(110, 125) for _ in range(count)]
    texts = [draw.choice(["1", "0.7", "0.25"]) for _ in range(count)]
    places = boxes(x, y, texts)
    labels = places[count:]
    for i, one in enumerate(labels):
        for other in [*places[:count], *labels[:i]]:
            apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            assert apart, (one, other)


def test_a_point_alone_has_its_label_above_and_to_the_right() -> None:
    [(dx, dy)] = label_places([0], [0], ["0.5"])
    assert dx > 0
    assert dy > 0


def test_points_at_one_place_still_have_a_label_each() -> None:
    assert len(label_places([5.0] * 60, [5.0] * 60, ["0.25"] * 60)) == 60
