"""Edits of a configuration file by the place of a key, and the sentence with which the result is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from lacuna.errors import LacunaError

if TYPE_CHECKING:
    from projects import Project

CONFIG, DATASETS = "config/config.yaml", "config/datasets.yaml"
DEMO, LAPTOP, PAPER = (f"config/scales/{scale}.yaml" for scale in ("demo", "laptop", "paper"))
DEFECTIVE = "config/papers/defective.yaml"
BUDGET = "attacks.pgd16.budgets[0]"
Change = Callable[[Any], object]


def steps(place: str) -> list[str | int]:
    """``rows[0].model`` as the keys and positions that lead there."""
    parts = place.replace("[", ".[").removeprefix(".").split(".")
    return [int(part[1:-1]) if part.startswith("[") else part for part in parts]


def within(content: Any, place: str) -> tuple[Any, Any]:
    """The container of a place, and the place's last key in it."""
    *path, last = steps(place)
    for step in path:
        content = content[step]
    return content, last


def put(place: str, value: object) -> Change:
    """Writes a value, adding the key where there is none."""

    def change(content: Any) -> None:
        inside, key = within(content, place)
        inside[key] = value

    return change


def drop(place: str) -> Change:
    """Removes a key."""

    def change(content: Any) -> None:
        inside, key = within(content, place)
        del inside[key]

    return change


def rename(place: str, name: str) -> Change:
    """Gives a key another name; its place among its neighbours is kept."""

    def change(content: Any) -> None:
        inside, key = within(content, place)
        assert key in inside
        items = [(name if k == key else k, value) for k, value in inside.items()]
        inside.clear()
        inside.update(items)

    return change


def again(place: str) -> Change:
    """Repeats an entry at the end of its list."""

    def change(content: Any) -> None:
        inside, position = within(content, place)
        inside.append(inside[position])

    return change


def sibling(place: str, name: str) -> Change:
    """Copies an entry to another key beside it."""

    def change(content: Any) -> None:
        inside, key = within(content, place)
        inside[name] = inside[key]

    return change


def refusal(project: Project, **chosen: Any) -> str:
    """The one sentence with which the configuration is refused."""
    with pytest.raises(LacunaError) as error:
        project.load(**chosen)
    sentence = str(error.value)
    assert "\n" not in sentence
    assert "/project/" not in sentence, "a path is given relative to the repository"
    return sentence
