"""Renders a table from its cells: CSV, Markdown and LaTeX."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment

from lacuna.files.escapes import for_latex, for_markdown
from lacuna.language.codes import PERCENT, is_own
from lacuna.language.symbols import with_symbols
from lacuna.numbers.metrics import DISTANCE
from lacuna.numbers.spread import unlike_print
from lacuna.reporting.tables import flagged
from lacuna.reporting.tables.marks import cell_marks, flag_letters, flags_in_a_caption
from lacuna.reporting.tables.meanings import flag_sentences
from lacuna.reporting.tables.pattern import count_range, pattern_sentences, plural_metric

UNIT_WORDS = {
    PERCENT: "percent",
    DISTANCE: "squared l2 distance per value (median over images)",
    "score": "score (mean over images)",
    "decibel": "decibel (mean over images)",
    "bytes": "bytes (mean over images)",
    "of clean": "share of the clean image's bytes (mean over images)",
    "colours": "colours in a patch (mean over images)",
}
UNLIKE = "≠"
LISTED = 5  # kinds of numbers that a sentence names one by one
_FORMATS = {DISTANCE: ".2e", "score": ".3f", "of clean": ".3f", "bytes": ".0f", "colours": ".1f"}

_TEXT = Environment(autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)

_MARKDOWN = _TEXT.from_string("""\
# {{ exhibit }}: {{ title }}

{{ paper }}. Scale **{{ scale }}**, dataset **{{ dataset }}**. {{ cell }} in {{ unit }}.
{% if not comparable %}
Scale, dataset or attack are not the paper's: **this is no reproduction of {{ theirs }}**.
{% endif %}

| {{ head | join(" | ") }} |
|{{ "---|" * (head | length) }}
{% for row in rows %}
| {{ row | join(" | ") }} |
{% endfor %}

{% for line in notes %}
* {{ line }}
{% endfor %}
""")

_LATEX = _TEXT.from_string(
    r"""
\begin{table}
\caption{ {{- caption -}} }
\begin{tabular}{ll{{ "r" * ((head | length) - 2) }}}
\toprule
{{ head | join(" & ") }} \\
\midrule
{% for row in rows %}
{{ row | join(" & ") }} \\
{% endfor %}
\bottomrule
\end{tabular}
\end{table}
""".lstrip()
)


def wide_table(cells: pd.DataFrame) -> pd.DataFrame:
    """Rows and columns as the paper prints them. The first columns are target and row, the last dataset and scale.

    Percentages have two decimals, distances are in scientific notation, other units have the digits that they need.
    Empty are the target of a table that names none, a value over no image, and a place that the row does not have.
    """
    frame = _pivot(cells, _texts(cells, "value"), missing="")
    return frame.assign(dataset=cells["dataset"].iloc[0], scale=cells["scale"].iloc[0])


def format_number(value: float | None, unit: str = PERCENT, sign: str = "") -> str:
    """A value as the papers print it, by its unit; empty where it is missing. ``sign`` is ``+`` for differences."""
    return "" if value is None or pd.isna(value) else format(value, f"{sign}{_FORMATS.get(unit, '.2f')}")


def _texts(cells: pd.DataFrame, column: str, sign: str = "") -> pd.Series:
    values = [format_number(value, unit, sign) for value, unit in zip(cells[column], cells["unit"], strict=True)]
    return pd.Series(values, index=cells.index, dtype=object)


def _pivot(cells: pd.DataFrame, texts: pd.Series, missing: str) -> pd.DataFrame:
    """One text per cell, with rows and columns in the order of their first cells; the columns target and row first.

    A cell that stands twice, in a row that the paper prints twice, is shown once. ``missing`` stands where a row lacks
    a column. Where columns have targets of their own, a row names all of its targets.
    """
    places = cells[["target", "row", "column"]].astype(object).fillna("").assign(text=texts)
    places = places.drop_duplicates(["target", "row", "column"])
    if not places.duplicated(["row", "column"]).any():
        places["target"] = places.groupby("row", sort=False)["target"].transform(_each_once)
    keyed = places.set_index(["target", "row", "column"])["text"]
    rows = pd.MultiIndex.from_frame(places[["target", "row"]].drop_duplicates())
    columns = list(dict.fromkeys(cells["column"]))
    return keyed.unstack("column").reindex(index=rows, columns=columns).fillna(missing).reset_index()


def _each_once(targets: "pd.Series[str]") -> str:
    return ", ".join(dict.fromkeys(filter(None, targets)))


def table_texts(
    cells: pd.DataFrame, settings: Mapping[str, Any], more: Sequence[str] = (), origins: Sequence[str] = ()
) -> tuple[str, str]:
    """A table's Markdown and LaTeX, by the settings of the rule table, with ``more`` notes below.

    ``origins`` are lines on where the numbers come from, the last in Markdown and comments in LaTeX.
    """
    said = {key: value for key, value in settings.items() if key not in ("exhibit", "scenes")}
    said["notes"] = [*said["notes"], *more]
    markdown, latex = table_markdown(cells, **said, scenes=settings.get("scenes", False)), table_latex(cells, **said)
    beside = "".join(f"* {for_markdown(line)}\n" for line in origins), "".join(f"% {line}\n" for line in origins)
    return markdown + beside[0], latex + beside[1]


def table_markdown(
    cells: pd.DataFrame,
    title: str,
    paper: str,
    notes: Sequence[str] = (),
    panels: Mapping[str, str] | None = None,
    scenes: bool = False,
) -> str:
    """The table for people: paper | ours | difference, with notes and sentences on its pattern below.

    ``scenes`` says that several images show one scene, so that the intervals are over scenes.
    A table with flags has its columns in ``panels`` (`flagged_markdown`).
    """
    if panels:
        return flagged.flagged_markdown(cells, title, paper, notes, panels)
    first, printed = cells.iloc[0], cells["printed"].notna()
    flags = flag_letters(cells)
    texts = _marked(_three(cells) if printed.any() else _ours(cells), cells, flags, " **{}**")
    frame = _pivot(cells, texts, missing="-")
    comparable = cells.loc[printed & cells["value"].notna(), "difference"].notna().all()
    said = [*notes, *_empty(cells), *pattern_sentences(cells), *_print_sentence(cells), _counts(cells, scenes)]
    return _MARKDOWN.render(
        **{key: for_markdown(first[key]) for key in ("exhibit", "scale", "dataset")},
        title=_named(title),
        paper=for_markdown(paper),
        unit=_units(cells),
        cell="Each cell: paper | ours | difference," if printed.any() else "Each cell: ours,",
        theirs="the printed numbers" if printed.any() else "its results",
        comparable=comparable if printed.any() else first["scale"] == "paper",
        head=[*map(_named, frame.columns)],
        rows=[[*map(_named, row[:2]), *row[2:]] for row in frame.to_numpy().tolist()],
        notes=[*flag_sentences(flags), *map(_named, said)],
    )


def _named(text: object) -> str:
    """A text for Markdown with the papers' symbols."""
    return for_markdown(with_symbols(str(text)))


def _marked(texts: pd.Series, cells: pd.DataFrame, flags: Mapping[str, str], form: str) -> pd.Series:
    """The texts of cells, and after them in a ``form`` the letters of their flags."""
    marks = cell_marks(cells, flags)
    return texts + pd.Series([form.format(letters) if letters else "" for letters in marks], index=texts.index)


def _three(cells: pd.DataFrame) -> pd.Series:
    """One text per cell: the paper's number, ours and their difference."""
    paper, difference = (_texts(cells, *how).replace("", "-") for how in (("printed",), ("difference", "+")))
    return paper + " \\| " + _ours(cells) + " \\| " + difference + np.where(unlike_print(cells), f" {UNLIKE}", "")


def _ours(cells: pd.DataFrame) -> pd.Series:
    """Our numbers; of several trainings each with the interval of their mean."""
    ours = _texts(cells, "value")
    if "seed_low" not in cells:
        return ours
    interval = " (" + _texts(cells, "seed_low") + " to " + _texts(cells, "seed_high") + ")"
    return ours + interval.where(cells["seed_low"].notna(), "")


def _print_sentence(cells: pd.DataFrame) -> list[str]:
    """A sentence on the printed numbers that one more training would not give."""
    compared = cells["print_low"].notna() if "print_low" in cells else pd.Series(False, index=cells.index)
    if not (count := int(compared.sum())):
        return []
    outside = int(unlike_print(cells)[compared].sum())
    where = "the 95 % interval of one further training (print_low to print_high)"
    return [f"{UNLIKE}: the printed number lies outside {where}. That is so in {outside} of {count} cells."]


def _without_numbers(cells: pd.DataFrame) -> list[str]:
    counted = cells.groupby("column", sort=False)["value"].count()
    return list(counted.index[counted == 0])


def _empty(cells: pd.DataFrame) -> list[str]:
    """A sentence on the columns that have no number, such as a measure whose weights cannot be had."""
    if not (without := _without_numbers(cells)):
        return []
    named = ", ".join(f'"{column}"' for column in without)
    return [f"No number could be had for {named}; the record of the measures or outcomes says why."]


def _counts(cells: pd.DataFrame, scenes: bool) -> str:
    """A sentence on the numbers of images and trainings, and on what the file of cells has."""
    attacked = cells[(cells["metric"] != "test_accuracy") & ~cells["column"].isin(_without_numbers(cells))]
    counts = f"{_kinds(attacked)} are over {count_range(n)} images each; " if len(n := attacked["n"]) else ""
    seeds = cells["seeds"].max()
    shares = set(cells["unit"]) == {PERCENT} and not cells["metric"].map(is_own).any()
    wilson = "Wilson " if shares and not seeds > 1 and not scenes else ""
    over = "over scenes, " if scenes else ""
    means = f"Means of {seeds} trainings, with the 95 % t interval over trainings in brackets. " * int(seeds > 1)
    asked = int(cells["answers"].max()) if "answers" in cells else 1
    drawn = f"Where a target draws, an image counts by its share of {asked} answers, and intervals cover both. "
    means += drawn * (asked > 1)
    where = f"{cells['exhibit'].iloc[0]}.cells.csv"
    return f"{means}{counts}n, 95 % {wilson}intervals {over}and provenance of every cell are in {where}."


def _kinds(cells: pd.DataFrame) -> str:
    """What the numbers are, as the subject of a sentence; of more than three kinds a list is hard to read."""
    kinds = list(dict.fromkeys(map(plural_metric, cells["metric"])))
    words = ", ".join(kinds) if len(kinds) <= LISTED else "the numbers"
    return words[:1].upper() + words[1:]


def _units(cells: pd.DataFrame) -> str:
    """The units of a table's numbers, in words; of a metric of the user's own nobody says what it is a mean of."""
    own = cells["metric"].map(is_own)
    words = cells["unit"].map(UNIT_WORDS)
    return ", ".join(dict.fromkeys(words.where(~own, words.str.partition(" (")[0])))


def table_latex(
    cells: pd.DataFrame,
    title: str,
    paper: str,
    notes: Sequence[str] = (),
    panels: Mapping[str, str] | None = None,
) -> str:
    """The table for a paper, with booktabs rules. Scale, dataset and notes stand in the caption."""
    if panels:
        return flagged.flagged_latex(cells, title, paper, notes, panels)
    flags = flag_letters(cells)
    frame = _pivot(cells, _marked(_ours(cells), cells, flags, r"\textsuperscript{{{}}}"), missing="-")
    first = cells.iloc[0]
    about = f"{title} ({paper}). Scale {first['scale']}, dataset {first['dataset']}; {_units(cells)}."
    marks = [f"Marks: {flags_in_a_caption(flags)}."] if flags else []
    caption = " ".join([about, *marks, *notes])
    names, numbers = ["target", "row"], frame.drop(columns=["target", "row"]).to_numpy().tolist()
    lines = zip(frame[names].to_numpy().tolist(), numbers, strict=True)
    rows = [[*map(for_latex, place), *texts] for place, texts in lines]
    return _LATEX.render(caption=for_latex(caption), head=[for_latex(name) for name in frame.columns], rows=rows)
