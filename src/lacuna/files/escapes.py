"""Texts for the places where they are shown, one function each: what is a sign there stays the letter that it was."""

import re
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\|`*["} | {"<": "&lt;"})
_ENTITY = re.compile(r"&(?=#?\w+;)")
_LATEX = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "[": "{[}", "*": "{*}"}
    | {c: f"\\{c}" for c in "&%$#_{}"}  # [ and * after the end of a row are arguments
)
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production 2
_FORMULA, _GUARDED = re.compile(r"'*[=+\-@\t\r]."), re.compile(r"'+[=+\-@\t\r].")
REPLACED = "\N{REPLACEMENT CHARACTER}"


def for_markdown(text: object) -> str:
    """A text for Markdown, on one line: a cell of a table, or a part of a sentence. It holds no HTML and no link."""
    return _ENTITY.sub("&amp;", _on_one_line(text)).translate(_MARKDOWN)


def for_latex(text: object) -> str:
    """A text for LaTeX, on one line."""
    return _on_one_line(text).translate(_LATEX)


def for_xml(text: str) -> str:
    """A text for SVG, in which what XML cannot hold is replaced by a sign for it."""
    return _NO_XML.sub(REPLACED, text)


def for_csv(frame: "pd.DataFrame") -> "pd.DataFrame":
    """A table for CSV, in which no text is a formula: an apostrophe stands before each that a spreadsheet would run.

    `from_csv` takes it away again. Texts of numbers, such as -3.5, stay as they are.
    """
    return _changed(frame, _FORMULA, lambda text: f"'{text}")


def csv_text(frame: "pd.DataFrame") -> str:
    """A table as CSV, its texts as in `for_csv`."""
    return str(for_csv(frame).to_csv(index=False, lineterminator="\n"))


def from_csv(frame: "pd.DataFrame") -> "pd.DataFrame":
    """A table that was read from CSV, with the names and texts that `for_csv` was given."""
    return _changed(frame, _GUARDED, lambda text: text[1:])


def _changed(frame: "pd.DataFrame", form: re.Pattern[str], change: Callable[[str], str]) -> "pd.DataFrame":
    """The table with a change of those names of columns and those texts that have a form and are no numbers."""

    def of(value: Any) -> Any:
        return change(value) if isinstance(value, str) and form.match(value) and not _is_number(value) else value

    changed = frame.rename(columns=of)
    for i, kind in enumerate(changed.dtypes):
        if kind.kind == "O":  # texts, of whatever kind
            values = list(changed.iloc[:, i])
            if any(of(value) is not value for value in values):
                changed.isetitem(i, [of(value) for value in values])
    return changed


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _on_one_line(text: object) -> str:
    return "".join(" " if unicodedata.category(c) == "Cc" else c for c in " ".join(str(text).splitlines()))
