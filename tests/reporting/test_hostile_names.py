"""Names and titles with signs of Markdown, HTML, TeX and terminals in them: tables and figures show them as written."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from drawing import Ask

from lacuna.files.artefacts import CSV_OPTIONS
from lacuna.reporting.drawing import figure
from lacuna.reporting.drawing.core.style import lay_out, page, save, styled
from lacuna.reporting.plots import plots
from lacuna.reporting.tables.claim_page import claims_markdown
from lacuna.reporting.tables.render import table_latex, table_markdown, wide_table

NASTY = ["a | b", "two\nlines", "<b>bold</b>", "![x](y)", "a \\| b | c", "`|`", "\x1b[2J", "=cmd|' /C calc'!A0"]
DOLLARS = ["$5 to $6", "$\\frac$", "$$", "\\$x$", "$\\unknown{$", "$_$"]
TABLE = "docs/results/demo/table3.cells.csv"


def cells_with(root: Path, name: str) -> pd.DataFrame:
    """The cells of Table 3, in which a name stands for a row, a column, a target and the dataset."""
    cells = pd.read_csv(root / TABLE, **CSV_OPTIONS)
    for part in ("row", "column", "target"):
        cells[part] = cells[part].replace(cells[part].iloc[0], name)
    return cells.assign(dataset=name)


def bars(line: str) -> int:
    return len(re.sub(r"\\[!-/:-@\[-`{-~]", "", line).split("|"))


@pytest.mark.parametrize("name", NASTY + DOLLARS)
def test_a_markdown_table_keeps_its_columns_and_holds_no_html(root: Path, name: str) -> None:
    text = table_markdown(cells_with(root, name), name, name, [name])
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + wide_table(cells_with(root, name)).shape[0]
    assert {bars(line) for line in lines} == {bars(lines[1])}
    assert "<" not in text
    assert text.isprintable() or not re.search(r"[^\n -~\u00a0-\uffff]", text)


@pytest.mark.parametrize("name", NASTY)
def test_a_latex_table_keeps_its_rows(root: Path, name: str) -> None:
    plain, nasty = (table_latex(cells_with(root, text), text, text) for text in ("plain", name))
    assert nasty.count(r" \\") == plain.count(r" \\")
    assert len(nasty.splitlines()) == len(plain.splitlines())


@pytest.mark.parametrize("name", NASTY)
def test_a_page_of_claims_keeps_its_columns(root: Path, name: str) -> None:
    claims = pd.read_csv(root / "docs/results/demo/dual/dual-claims.csv", **CSV_OPTIONS)
    text = claims_markdown(claims.assign(claim=name, note=name, section=name), name)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(claims)
    assert {bars(line) for line in lines} == {bars(lines[1])}
    assert "<" not in text


def poisoned(value: Any, text: str) -> Any:
    """Settings in which a text follows every label."""
    if isinstance(value, dict):
        labels = ("title", "label", "panel")
        return {k: f"{v} {text}" if k in labels and isinstance(v, str) else poisoned(v, text) for k, v in value.items()}
    return [poisoned(part, text) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", plots())
def test_every_figure_shows_dollars_and_survives_control_characters(asked: Ask, kind: str, tmp_path: Path) -> None:
    said, files = asked(kind)
    labels = (
        poisoned({"title": "A title", **said}, "$\\frac$ \x07") if kind != "sweep" else {**said, "title": "$\\frac$"}
    )
    drawn = figure({**labels, "notes": ["for $5 to $6 \x1b[2J\ufffe"]}, files)
    for ending in ("svg", "png"):
        save(drawn, str(tmp_path / f"x.{ending}"))
    shown = " ".join(
        "".join(part.itertext()) for part in ET.parse(tmp_path / "x.svg").iter() if part.tag.endswith("text")
    )
    assert "$\\frac$" in shown
    assert "for $5 to $6" in shown


@pytest.mark.parametrize("text", DOLLARS)
def test_names_at_ticks_legends_and_axes_are_no_formulae(text: str, tmp_path: Path) -> None:
    @styled
    def drawn() -> Any:
        whole = page(4, 3)
        axis = whole.subplots()
        axis.plot([1, 2], [1, 10], label=text)
        axis.set(xlabel=text, title=text, xticks=[1, 2], xticklabels=[text, text])
        axis.set_yscale("log")
        axis.annotate(text, (1, 1))
        axis.legend()
        return lay_out(whole, text, text)

    save(drawn(), str(tmp_path / "x.svg"))
    root = ET.parse(tmp_path / "x.svg").getroot()
    texts = ["".join(part.itertext()) for part in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count(text) == 8
    assert not any("mathdefault" in part for part in texts), "powers at a logarithmic axis stay formulae"
