"""Texts from configurations and files mean nothing but themselves wherever they are shown: one escape for each sink."""

import csv
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lacuna.errors import LacunaError, without_controls
from lacuna.files.artefacts import Record, read_csv, read_frame, write_frame
from lacuna.files.escapes import csv_text, for_latex, for_markdown, for_xml, from_csv
from lacuna.jobs.progress import say_to_stderr

NASTY = [
    "a | b",
    "two\nlines",
    "\r\n| a | b |\n|---|---|",
    "<img src=x onerror=alert(1)>",
    "<!-- and away",
    "a \\| b",
    "\\",
    "[here](javascript:alert(1))",
    "![](https://example.org/seen.png)",
    "`code",
    "**bold**",
    "&lt;",
    "\x1b[2J\x1b]0;title\x07",
    "a\u2028b",
    "$5 to $6",
    "$\\frac$",
]
# A carriage return, which CSV takes for the end of a line, is refused in a configuration.
FORMULAE = ["=cmd|' /C calc'!A0", "+1+cmd|x", "-2+3+cmd|x", "@SUM(A1)", "\t=1", "'=1", "''+x", "=", "- a", "-1e5x"]
# One cell of GFM's tables: an escaped character or anything but a bar.
CELL = re.compile(r"(?:\\[!-/:-@\[-`{-~]|[^|\\]|\\(?![!-/:-@\[-`{-~]))*")


def tried(inputs: int) -> Any:
    return settings(max_examples=inputs, deadline=None, derandomize=True, database=None)


@tried(2000)
@given(st.one_of(st.sampled_from(NASTY), st.text(max_size=30), st.text(alphabet="\\|`<&[*\n\x07 ab", max_size=12)))
def test_2000_texts_are_one_cell_of_a_markdown_table_and_no_html(text: str) -> None:
    shown = for_markdown(text)
    assert CELL.fullmatch(shown)
    assert len(shown.splitlines()) <= 1
    assert not re.search(r"<|&(?!amp;|lt;)#?\w+;", shown)
    plain = re.sub(r"\\([\\|`*\[])", r"\1", shown).replace("&lt;", "<").replace("&amp;", "&")
    assert len(plain) <= len(text)
    if text.isprintable():
        assert plain == text


@pytest.mark.parametrize("text", ["0.5-Bottom", "IN -> SIN", "pgd_e16_a1_t20", "(a, b) = 16/255", "95 %", "é"])
def test_plain_names_stay_as_they_are(text: str) -> None:
    assert for_markdown(text) == text
    assert csv_text(pd.DataFrame({text: [text]})) == pd.DataFrame({text: [text]}).to_csv(index=False)


@tried(300)
@given(
    st.one_of(
        st.sampled_from(FORMULAE),
        st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]), max_size=20),
        st.text(alphabet="=+-@'\t1.e ", max_size=6),
    )
)
@example("")
def test_300_texts_are_no_formula_in_a_csv_and_come_back_from_it(text: str) -> None:
    frame = pd.DataFrame({"row": [text, "plain"], f"{text} ": ["x", text], "value": [-1.5, 2.0]})
    lines = list(csv.reader(io.StringIO(csv_text(frame), newline="")))
    for shown in (lines[1][0], lines[2][1], lines[0][1]):
        assert not re.match(r"[=+\-@\t\r].", shown) or is_number(shown)
    assert [line[2] for line in lines] == ["value", "-1.5", "2.0"]
    read = from_csv(pd.DataFrame(lines[1:], columns=lines[0]))
    assert list(read.columns) == list(frame.columns)
    assert list(read["row"]) == [text, "plain"]


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("text", FORMULAE)
def test_an_artefact_gives_back_the_names_that_it_was_given(text: str, tmp_path: Path) -> None:
    path, frame = str(tmp_path / "a.csv"), pd.DataFrame({"row": [text, "b"], "value": [-1.0, float("nan")]})
    write_frame(path, frame, Record("cells", "{}"))
    assert not re.search(r"(?m)^\"?[=+\-@\t\r][^,]", Path(path).read_bytes().decode())
    pd.testing.assert_frame_equal(read_frame(path), frame)
    pd.testing.assert_frame_equal(read_csv(path), frame)


@tried(1000)
@given(st.one_of(st.text(max_size=20), st.text(alphabet=[chr(c) for c in range(0xA0)], max_size=10)))
@example("\ud800")
@example("\ufffe \uffff \x00")
def test_1000_texts_are_text_of_an_xml_file(text: str) -> None:
    element = ET.Element("text")
    element.text = for_xml(text)
    ET.fromstring(ET.tostring(element))
    assert for_xml("a < b & c\n\t é") == "a < b & c\n\t é"


@pytest.mark.parametrize("text", NASTY)
def test_a_text_is_one_line_of_latex_without_arguments(text: str) -> None:
    assert not re.search(r"[\n\r\x00-\x1f\[*](?!})", for_latex(text))


@tried(1000)
@given(st.text(max_size=30))
@example("\x1b[2J\x9b31m\u202egnp.exe\u2066")
@example("\ud800\x00\x7f")
def test_1000_texts_move_no_cursor_of_a_terminal(text: str) -> None:
    shown = without_controls(text)
    assert all(c.isprintable() or c in "\n\t" for c in shown)
    shown.encode()
    assert str(LacunaError(text)).replace("\t", "").isprintable()


def test_a_line_of_progress_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    say_to_stderr("a\x1b[2Jb\n  c")
    assert capsys.readouterr().err == "a\\x1b[2Jb\n  c\n"
