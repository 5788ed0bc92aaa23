"""A table as CSV, Markdown and LaTeX, from its cells."""

import pandas as pd
from jinja2 import Environment

from lacuna.reporting.pattern import summary

_TEXT = Environment(autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)

_MARKDOWN = _TEXT.from_string("""\
# {{ exhibit }}: {{ title }}

{{ paper }}. Scale **{{ scale }}**, dataset **{{ dataset }}**. Each cell: paper | ours | difference, in percent.
{% if not comparable %}
Scale, dataset or attack are not the paper's: **this is no reproduction of the printed numbers**.
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


_LATEX_ESCAPES = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {c: f"\\{c}" for c in "&%$#_{}"}
)


def wide(cells: pd.DataFrame) -> pd.DataFrame:
    """Rows and columns as the paper prints them, two decimals; first columns target, row, last dataset, scale."""
    frame = _pivot(cells, cells["value"].map(number)).reset_index()
    return frame.assign(dataset=cells["dataset"].iloc[0], scale=cells["scale"].iloc[0])


def number(value: float | None) -> str:
    """A percentage as the papers print it; empty where there is none."""
    return "" if value is None or pd.isna(value) else f"{value:.2f}"


def _pivot(cells: pd.DataFrame, texts: pd.Series) -> pd.DataFrame:
    """One text per cell, in the order of first appearance of rows and columns."""
    keyed = cells.assign(text=texts).set_index(["target", "row", "column"])["text"]
    rows = pd.MultiIndex.from_frame(cells[["target", "row"]].drop_duplicates())
    return keyed.unstack("column").reindex(index=rows, columns=list(dict.fromkeys(cells["column"])))


def markdown(cells: pd.DataFrame, title: str, paper: str) -> str:
    """The table for people: paper | ours | difference, and what its pattern says."""
    parts = [cells["printed"].map(number), cells["value"].map(number), cells["difference"].map(_signed)]
    frame = _pivot(cells, parts[0] + " \\| " + parts[1] + " \\| " + parts[2]).reset_index()
    first = cells.iloc[0]
    return _MARKDOWN.render(
        exhibit=first["exhibit"],
        title=title,
        paper=paper,
        scale=first["scale"],
        dataset=first["dataset"],
        comparable=cells.loc[cells["printed"].notna() & cells["value"].notna(), "difference"].notna().all(),
        head=frame.columns,
        rows=frame.to_numpy().tolist(),
        notes=[*summary(cells), _counts(cells)],
    )


def _counts(cells: pd.DataFrame) -> str:
    n = cells.loc[cells["metric"] == "defense_rate", "n"]
    counts = f"Defense rates are over {n.min()} to {n.max()} images each; " if len(n) else ""
    return f"{counts}n, 95 % Wilson intervals and provenance of every cell are in {cells['exhibit'].iloc[0]}.cells.csv."


def _signed(value: float | None) -> str:
    return "-" if value is None or pd.isna(value) else f"{value:+.2f}"


def latex(cells: pd.DataFrame, title: str, paper: str) -> str:
    """The table for a paper, with booktabs rules; scale and dataset stand in the caption."""
    frame = _pivot(cells, cells["value"].map(number)).reset_index()
    first = cells.iloc[0]
    caption = f"{title} ({paper}). Scale {first['scale']}, dataset {first['dataset']}; percent."
    rows = [[escape(text) for text in row] for row in frame.to_numpy().tolist()]
    return _LATEX.render(caption=escape(caption), head=[escape(name) for name in frame.columns], rows=rows)


def escape(text: str) -> str:
    """A text for LaTeX, special characters escaped."""
    return str(text).translate(_LATEX_ESCAPES)
