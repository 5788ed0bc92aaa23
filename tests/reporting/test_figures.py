"""Every kind of figure: the same files give the same bytes, all text is readable, and a demo says that it is one."""

import re
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from asking import exhibit_inputs, exhibit_settings
from drawing import CODE, Ask, Asked, Store, asked_for, table12, texts, words
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from lacuna.config.load import load
from lacuna.plan.plan import Plan
from lacuna.reporting.drawing import figure
from lacuna.reporting.drawing.core.style import FONT_SIZE, save
from lacuna.reporting.plots import plots

KINDS = sorted(plots())


class Remembered(dict[str, Any]):
    """A mapping that remembers which of its keys were asked for."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        self.names: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.names.add(key)
        return super().__getitem__(key)


@pytest.fixture(scope="module", params=KINDS)
def drawing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, root: Path
) -> tuple[Figure, Remembered, Remembered]:
    """A small figure of each kind, and the settings and files that it was drawn from."""
    settings, files = map(Remembered, asked_for(request.param, Store(tmp_path_factory.mktemp("store")), root))
    return figure(settings, files), settings, files


@pytest.fixture(scope="module")
def drawn(drawing: tuple[Figure, Remembered, Remembered]) -> Figure:
    """A small figure of each kind."""
    return drawing[0]


@pytest.fixture(scope="module")
def plan(root: Path) -> Plan:
    return Plan(load(root, {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}))


def test_a_plan_gives_what_a_drawing_asks_for(drawing: tuple[Figure, Remembered, Remembered], plan: Plan) -> None:
    _, settings, files = drawing
    exhibits = [name for name, (_, body) in plan.lookup.figures.items() if body["plot"] == settings["plot"]]
    assert exhibits
    for exhibit in exhibits:
        assert settings.names <= exhibit_settings(plan, "figure", exhibit).keys(), exhibit
        given = exhibit_inputs(plan, "figure", exhibit).keys() - {
            "selections"
        }  # of which sentences below figures are made
        assert files.names == given, exhibit


def places(drawn: Figure) -> list[tuple[str, Bbox]]:
    """Every text and the box it fills, in pixels."""
    drawn.draw_without_rendering()  # saving had laid it out for another resolution
    return [(text.get_text(), text.get_window_extent()) for text in texts(drawn)]


def bytes_of(asked: Asked, path: Path) -> bytes:
    save(figure(*asked), str(path))
    return path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_files_give_the_same_bytes_in_any_style(kind: str, asked: Ask, tmp_path: Path) -> None:
    one = bytes_of(asked(kind), tmp_path / "one.svg")
    with mpl.rc_context({"font.size": 20, "svg.hashsalt": "other", "axes.facecolor": "red", "savefig.dpi": 33}):
        before = dict(mpl.rcParams)
        two = bytes_of(asked(kind), tmp_path / "two.svg")
        assert dict(mpl.rcParams) == before
    assert one == two
    assert b"dc:date" not in one


def test_a_png_is_the_same_each_time(asked: Ask, tmp_path: Path) -> None:
    one, two = (bytes_of(asked("examples"), tmp_path / f"{name}.png") for name in ("one", "two"))
    assert one == two
    assert not re.search(rb"Software|tIME|date", one)


def test_a_demo_says_what_it_is(drawn: Figure) -> None:
    said = words(drawn).replace("\n", " ")
    assert "A title" in said
    assert "Scale demo, dataset mnist: no reproduction of the paper's figure." in said


def test_the_svg_holds_every_text_as_text(drawn: Figure, tmp_path: Path) -> None:
    save(drawn, str(tmp_path / "figure.svg"))
    svg = {
        element.text for element in ElementTree.parse(tmp_path / "figure.svg").iter("{http://www.w3.org/2000/svg}text")
    }
    lines = [line.strip() for text in texts(drawn) for line in text.get_text().split("\n")]
    assert lines
    assert [line for line in lines if line not in svg] == []


def test_nothing_is_too_small_or_off_the_page(drawn: Figure) -> None:
    assert {text.get_fontsize() for text in drawn.findobj(Text)} <= {FONT_SIZE, FONT_SIZE + 2}
    for text, box in places(drawn):
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= drawn.bbox.x1 + 1 and box.y1 <= drawn.bbox.y1 + 1
        assert inside, text


def test_no_text_covers_another(drawn: Figure) -> None:
    pairs = combinations(places(drawn), 2)
    covered = [(a, b) for (a, one), (b, two) in pairs if one.padded(-1).overlaps(two.padded(-1))]
    assert covered == []


@pytest.mark.parametrize(
    ("scale", "dataset", "reproduces"),
    [("paper", "cifar10", True), ("paper", "mnist", False), ("demo", "cifar10", False)],
)
def test_only_the_papers_setting_is_a_reproduction(scale: str, dataset: str, reproduces: bool, asked: Ask) -> None:
    settings, files = asked("examples")
    said = words(figure(settings | {"scale": scale, "dataset": dataset}, files)).replace("\n", " ")
    assert f"Scale {scale}, dataset {dataset}" in said
    assert ("no reproduction" not in said) == reproduces


@pytest.mark.parametrize(("without", "reproduces"), [(0, True), (1, False), (200, False)])
def test_cells_that_cannot_be_compared_are_no_reproduction(
    without: int, reproduces: bool, root: Path, tmp_path: Path
) -> None:
    cells = table12(root).assign(scale="paper", dataset="cifar10", difference=0.5)
    cells.loc[cells.index[:without], "difference"] = np.nan
    files = {"cells": [Store(tmp_path).frame("t.csv", cells)]}
    said = words(figure({"plot": "tradeoff", "title": "A title", "attack": CODE}, files))
    assert ("no reproduction" not in said) == reproduces


@pytest.mark.parametrize("kind", KINDS)
def test_many_notes_make_a_figure_higher_and_no_panel_lower(asked: Ask, kind: str) -> None:
    settings, files = asked(kind)
    few, many = (figure({**settings, "notes": ["A sentence on it."] * n}, files) for n in (20, 60))
    assert many.get_figheight() > few.get_figheight() + 0.5
    for before, after in zip(few.axes, many.axes, strict=True):
        height, other = (axis.bbox.height / axis.get_figure(root=True).dpi for axis in (before, after))
        assert other > 0.94 * height
