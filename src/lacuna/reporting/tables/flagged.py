"""A table with flags as Markdown and LaTeX: one part per panel, and the meaning of each mark."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from jinja2 import Environment

from lacuna.files.escapes import for_latex, for_markdown
from lacuna.numbers.flags import MCNEMAR_LEVEL
from lacuna.reporting.tables.marks import cell_marks, flag_letters, flags_in_a_caption
from lacuna.reporting.tables.meanings import EXPLAINED, MEANINGS
from lacuna.reporting.tables.pattern import count_range

_MARKDOWN = Environment(autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True).from_string(
    """\
# {{ exhibit }}: {{ title }}

{{ paper }}. Scale **{{ scale }}**, dataset **{{ dataset }}**.

Each cell: accuracy over all images in percent (95 % interval); after the bar, where there is one, the defense rate over
the images that every row gets right when clean. Letters are marks: such a number must not be read as robustness.
{% for part in parts %}

## {{ part.panel[:1] | upper }}{{ part.panel[1:] }}

| {{ part.head | join(" | ") }} |
|{{ "---|" * (part.head | length) }}
{% for row in part.rows %}
| {{ row | join(" | ") }} |
{% endfor %}
{% endfor %}

## Marks

{% for flag, letter in flags.items() %}
* **{{ letter }}**, {{ flag }}: {{ meanings[flag] }}.
{% else %}
* No cell is marked.
{% endfor %}
{% if flags %}
* {{ explained }}
{% endif %}

{% for line in notes %}
* {{ line }}
{% endfor %}
"""
)

_LATEX = Environment(autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True).from_string(
    r"""
\begin{table}
\caption{ {{- caption -}} }
{% for part in parts %}
\begin{tabular}{l{{ "r" * ((part.head | length) - 1) }}}
\toprule
\multicolumn{ {{- part.head | length -}} }{l}{ {{- part.panel -}} } \\
\midrule
{{ part.head | join(" & ") }} \\
\midrule
{% for row in part.rows %}
{{ row | join(" & ") }} \\
{% endfor %}
\bottomrule
\end{tabular}

{% endfor %}
\end{table}
""".lstrip()
)


def flagged_markdown(
    cells: pd.DataFrame, title: str, paper: str, notes: Sequence[str], panels: Mapping[str, str]
) -> str:
    """The table for people, with ``notes`` below it; ``panels`` maps each column to the part that it stands in."""
    flags = flag_letters(cells)
    texts = [_text(cell, marks) for cell, marks in zip(cells.to_dict("records"), cell_marks(cells, flags), strict=True)]
    first = cells.iloc[0]
    return _MARKDOWN.render(
        **{key: for_markdown(first[key]) for key in ("exhibit", "scale", "dataset")},
        title=for_markdown(title),
        paper=for_markdown(paper),
        parts=_parts(cells, texts, panels, for_markdown),
        flags=flags,
        meanings=MEANINGS,
        explained=EXPLAINED,
        notes=[*map(for_markdown, notes), *_notes(cells)],
    )


def flagged_latex(cells: pd.DataFrame, title: str, paper: str, notes: Sequence[str], panels: Mapping[str, str]) -> str:
    """The table for a paper: accuracies with raised letters. Scale, dataset and marks stand in the caption."""
    flags = flag_letters(cells)
    values = zip(cells["value"], cell_marks(cells, flags), strict=True)
    texts = [_number(value) + (rf"\textsuperscript{{{marks}}}" if marks else "") for value, marks in values]
    first = cells.iloc[0]
    marked = flags_in_a_caption(flags) or "no cell is marked"
    caption = (
        f"{title} ({paper}). Scale {first['scale']}, dataset {first['dataset']}; accuracy in percent. Marks: {marked}."
    )
    caption = " ".join([caption, *notes])
    return _LATEX.render(caption=for_latex(caption), parts=_parts(cells, texts, panels, for_latex))


def _parts(
    cells: pd.DataFrame, texts: Sequence[str], panels: Mapping[str, str], shown: Callable[[str], str]
) -> list[dict[str, Any]]:
    """The name, head and rows of texts of each panel, in the order of the cells. Clean accuracy comes first."""
    text = {
        (cell.row, cell.column): text for cell, text in zip(cells[["row", "column"]].itertuples(), texts, strict=True)
    }
    rows, parts = list(dict.fromkeys(cells["row"])), []
    clean = list(dict.fromkeys(cells.loc[cells["attack"] == "none", "column"]))
    for panel in dict.fromkeys(panels[column] for column in cells["column"]):  # settings come with sorted keys
        columns = dict.fromkeys([*clean, *(c for c in dict.fromkeys(cells["column"]) if panels[c] == panel)])
        lines = [[shown(row), *(text.get((row, column), "-") for column in columns)] for row in rows]
        parts.append({"panel": shown(panel), "head": ["", *map(shown, columns)], "rows": lines})
    return parts


def _text(cell: Mapping[Any, Any], marks: str) -> str:
    """A cell as ``12.0 (7.4 to 18.9) \\| 20.0 **ab**``: value, interval, defense rate on common images, marks."""
    if pd.isna(cell["value"]):
        return "-"
    beside = "" if pd.isna(cell["sdr_common"]) else rf" \| {_number(cell['sdr_common'])}"
    interval = f"({_number(cell['ci_low'])} to {_number(cell['ci_high'])})"
    return f"{_number(cell['value'])} {interval}{beside}" + (f" **{marks}**" if marks else "")


def _number(value: float | None) -> str:
    return "-" if value is None or pd.isna(value) else f"{value:.1f}"


def _notes(cells: pd.DataFrame) -> list[str]:
    """Sentences on the numbers of images, the marks, the intervals and the attacks."""
    attacked = cells[cells["attack"] != "none"]
    shown = attacked.drop_duplicates("attack")
    names = map(for_markdown, shown["column"])
    codes = "; ".join(f"{column}: `{code}`" for column, code in zip(names, shown["attack"], strict=True))
    seeds = cells["seeds"].max()
    means = f"Means of {seeds} trainings; a mark stands where any of them has it. " if seeds > 1 else ""
    return [
        f"{means}Accuracies under attack are over {count_range(attacked['n'])} images each, defense rates over "
        f"{count_range(attacked['sdr_common_n'].dropna())} (transferred examples count where they fool their source).",
        "A mark of a comparison stands where McNemar's exact test on the same images is below "
        f"{100 * MCNEMAR_LEVEL:g} %.",
        f"Intervals of the defense rates, and all else about every cell: {cells['exhibit'].iloc[0]}.cells.csv.",
        f"Attacks in full, distances on the 0..255 scale: {codes}.",
    ]
