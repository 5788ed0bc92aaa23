"""Plots of the user's own: what they get, what they may not do, and what is ours of the figure that results."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, provenance_digest, sha256, write_frame
from lacuna.reporting.drawing import figure
from lacuna.reporting.drawing.core.own import frame_of, origin
from lacuna.reporting.drawing.core.style import FONT_SIZE, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ME = "test_foreign_plots"
SEEN: list[pd.DataFrame] = []
CALLS = {"calls": 0}


def bars(frame: pd.DataFrame, axes: Axes, label: str = "in percent") -> None:
    """What a user would write first."""
    SEEN.append(frame.copy())
    axes.bar(frame["row"] + " " + frame["column"], frame["value"])
    axes.set_ylabel(label)


def shown(values: Any) -> Any:
    return lambda frame, axes: axes.plot(range(len(values)), values)


DEEDS: dict[str, Any] = {
    "nothing": lambda frame, axes: None,
    "a title": lambda frame, axes: axes.set_title("mine"),
    "no points": lambda frame, axes: axes.plot([], []),
    "points that are no numbers": shown([np.nan, np.inf]),
    "bars of nothing": lambda frame, axes: axes.bar(["a", "b"], [np.nan, np.nan]),
    "a hidden line": lambda frame, axes: axes.plot([0, 1], [0, 1], visible=False),
    "an image of nothing": lambda frame, axes: axes.imshow(np.full((2, 2), np.nan)),
    "dots nowhere": lambda frame, axes: axes.scatter([np.nan], [np.nan]),
    "a grid of nothing": lambda frame, axes: axes.pcolormesh(np.ma.masked_all((2, 2))),
    "a text of blanks": lambda frame, axes: axes.text(0, 0, " \n"),
    "on another figure": lambda frame, axes: plt.plot([0, 1]),
    "cleared": lambda frame, axes: (axes.plot([0, 1]), axes.clear()),
    "only a colour bar": lambda frame, axes: axes.figure.colorbar(mpl.cm.ScalarMappable(), ax=axes),
}
AWAY: dict[str, Any] = {
    "removed": lambda frame, axes: axes.remove(),
    "cleared with its figure": lambda frame, axes: axes.figure.clear(),
    "replaced": lambda frame, axes: (axes.remove(), axes.figure),
}
LABELS: dict[str, Any] = {
    "a tick": lambda frame, axes: axes.bar([f"{x}" for x in (1.0, np.nan)], [1, 2]),
    "a word": lambda frame, axes: axes.text(0.5, 0.5, f"{np.nan:.1f} percent"),
    "a label": lambda frame, axes: (axes.plot([0, 1]), axes.set_xlabel(str(None))),
    "a legend": lambda frame, axes: (axes.plot([0, 1], label=f"mean {pd.NaT}"), axes.legend()),
    "a heading": lambda frame, axes: (axes.plot([0, 1]), axes.set_title(str(-np.inf))),
    "a note": lambda frame, axes: axes.annotate(f"n = {pd.NA}", (0, 0)),
}


def does(frame: pd.DataFrame, axes: Axes, what: str) -> None:
    (DEEDS | AWAY | LABELS)[what](frame, axes)


def resizes(frame: pd.DataFrame, axes: Axes) -> None:
    axes.plot([0, 1])
    axes.get_figure().set_size_inches(400, 400)  # type: ignore[union-attr]


def raises(frame: pd.DataFrame, axes: Axes) -> None:
    axes.plot(frame["nothing"])


def raises_late(frame: pd.DataFrame, axes: Axes) -> None:
    axes.plot([0, 1])
    axes.xaxis.set_major_formatter(lambda x, place: {}["late"])


def counts(frame: pd.DataFrame, axes: Axes) -> None:
    CALLS["calls"] += 1
    axes.plot([0, CALLS["calls"]])


def jitters(frame: pd.DataFrame, axes: Axes) -> None:
    axes.scatter(np.random.random(len(frame)), frame["value"] * random.random())


def spoils(frame: pd.DataFrame, axes: Axes, widths: list[int]) -> None:
    mpl.rcParams.update({"font.size": 3, "svg.hashsalt": "mine", "text.usetex": True})
    mpl.rcParams["text.usetex"] = False
    axes.bar(frame["row"], frame["value"], widths.pop())
    frame.pop("value")


def names(frame: pd.DataFrame, axes: Axes, text: str) -> None:
    axes.plot([0, 1], label=text)
    axes.legend()


def cells() -> pd.DataFrame:
    places = [(row, column) for row in ("plain", "0.5-Bottom") for column in ("PGD", "CW")]
    frame = pd.DataFrame(places, columns=["row", "column"]).assign(
        exhibit="mine", target="resnet18", variant="standard", source=[None, "vgg19"] * 2, attack="a", metric="m"
    )
    numbers = {"value": [10.0, 20.0, 30.0, 40.0], "n": 100, "ci_low": 5.0, "ci_high": 50.0, "unit": "percent"}
    empty = {"keep_prob": [np.nan, np.nan, 0.5, 0.5], "printed": np.nan, "difference": np.nan}
    return frame.assign(**numbers, **empty, dataset="fashion", scale="demo", seeds=1, provenance="0123456789abcdef")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    monkeypatch.chdir(tmp_path)
    write_frame("results/mine.csv", cells(), Record("cells", "{}", []))
    return {"cells": ["results/mine.csv"]}


def settings(name: str, **arguments: Any) -> dict[str, Any]:
    said = {"exhibit": "fig", "title": "A title of mine", "plot": f"{ME}:{name}", "table": "mine"}
    return {**said, "arguments": arguments, "notes": ["A garment on black."]}


@pytest.mark.parametrize("what", DEEDS)
def test_a_plot_that_draws_nothing_is_refused(what: str, files: dict[str, list[str]]) -> None:
    with pytest.raises(LacunaError, match=f"^{ME}:does left the figure empty; allowed: to draw at least one finite"):
        figure(settings("does", what=what), files)
    plt.close("all")


@pytest.mark.parametrize("what", AWAY)
def test_a_plot_that_takes_its_axes_away_is_refused(what: str, files: dict[str, list[str]]) -> None:
    with pytest.raises(LacunaError, match=f"^{ME}:does removed its axes; allowed: to draw on the axes"):
        figure(settings("does", what=what), files)


@pytest.mark.parametrize("what", LABELS)
def test_a_label_that_says_that_a_value_is_missing_is_refused(what: str, files: dict[str, list[str]]) -> None:
    with pytest.raises(LacunaError, match=f"^{ME}:does wrote '.*' into the figure; allowed: labels without"):
        figure(settings("does", what=what), files)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resizes", "changed the size of the figure; allowed: the key height of its entry"),
        ("raises", "raised KeyError at test_foreign_plots.py, line"),
        ("raises_late", "raised KeyError at test_foreign_plots.py, line"),
        ("counts", "drew another figure when it was asked again; allowed: the same each time"),
        ("bars", "raised TypeError"),
    ],
)
def test_what_else_a_plot_may_not_do_is_one_sentence(name: str, words: str, files: dict[str, list[str]]) -> None:
    arguments = {"unknown": 3} if name == "bars" else {}
    with pytest.raises(LacunaError, match=f"^{ME}:{name} {re.escape(words)}"):
        figure(settings(name, **arguments), files)


@pytest.mark.parametrize("reference", [f"{ME}:nothing_here", "no_such_module_anywhere:bars", f"{ME}:ME"])
def test_a_plot_that_cannot_be_had_is_one_sentence(reference: str, files: dict[str, list[str]]) -> None:
    with pytest.raises(LacunaError, match=f"'{reference}' (cannot be imported|is of type str)"):
        figure({**settings("bars"), "plot": reference}, files)


@pytest.mark.parametrize("text", ["L-inf", "inference", "banana", "none of all", "nano", "$5 & <b>", "0.5-Bottom"])
def test_names_that_look_like_missing_values_are_drawn(text: str, files: dict[str, list[str]]) -> None:
    assert figure(settings("names", text=text), files).axes


def test_a_plot_gets_every_cell_with_what_applies_to_it(files: dict[str, list[str]]) -> None:
    SEEN.clear()
    figure(settings("bars", label="accuracy in percent"), files)
    frame = SEEN[0]
    assert list(frame.columns) == list(cells().columns)
    assert frame["keep_prob"].tolist() == ["", "", "0.5", "0.5"]
    assert frame["source"].tolist() == ["", "vgg19"] * 2
    assert frame["printed"].isna().all()
    assert frame["value"].tolist() == [10, 20, 30, 40]
    placed = frame_of(cells(), [{"column": "CW", "panel": "strong", "x": 3}])
    assert placed["panel"].tolist() == ["", "strong"] * 2
    np.testing.assert_array_equal(placed["x"], [np.nan, 3] * 2)
    assert placed["row"].tolist() == cells()["row"].tolist()


def test_a_plot_gets_copies_and_leaves_the_style_as_it_is(files: dict[str, list[str]]) -> None:
    before, widths = dict(mpl.rcParams), [0.5]
    drawn = figure(settings("spoils", widths=widths), files)
    assert widths == [0.5]
    assert dict(mpl.rcParams) == before
    pd.testing.assert_frame_equal(pd.read_csv(files["cells"][0]), cells(), check_dtype=False)
    assert min(text.get_fontsize() for text in drawn.findobj(Text) if isinstance(text, Text)) >= FONT_SIZE


def test_title_note_scale_and_origin_are_ours(files: dict[str, list[str]], tmp_path: Path) -> None:
    asked = settings("bars")
    save(figure(asked, files), str(tmp_path / "a.svg"), origin(asked, files))
    svg = (tmp_path / "a.svg").read_text()
    text = " ".join(" ".join(ElementTree.fromstring(svg).itertext()).split())
    note = (
        f"Scale demo, dataset fashion: no reproduction of the paper's figure. A garment on black. Drawn by {ME}:bars."
    )
    assert note in text
    assert "A title of mine" in text
    digest, made = sha256(__file__), provenance_digest(files["cells"][0])
    assert f"Drawn by {ME}:bars (sha256 {digest}) from results/mine.csv (provenance {made})." in text
    assert "dc:date" not in svg


@pytest.mark.parametrize("name", ["bars", "jitters"])
def test_the_same_files_give_the_same_bytes(name: str, files: dict[str, list[str]], tmp_path: Path) -> None:
    state = random.getstate()
    for kind in ("svg", "png"):
        for other in "ab":
            np.random.random(3)
            save(figure(settings(name), files), str(tmp_path / f"{other}.{kind}"), origin(settings(name), files))
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert random.getstate() == state


def test_the_height_is_that_of_the_entry(files: dict[str, list[str]]) -> None:
    assert figure({**settings("bars"), "height": 6}, files).get_figheight() == 6
    assert origin({"plot": "heatmap"}, {}) == ""
