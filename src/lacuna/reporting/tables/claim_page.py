"""The claims of a paper and their verdicts as one Markdown table."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from jinja2 import Environment

from lacuna.files.escapes import for_markdown
from lacuna.language.symbols import with_symbols

_MARKDOWN = Environment(autoescape=False, trim_blocks=True, keep_trailing_newline=True).from_string("""\
# {{ paper }}: what it claims, and what {{ "the cells say" if scales else "there is" }}

{% if scales %}
Scale **{{ scales }}**, dataset **{{ datasets }}**, {{ seeds }} training seed{{ "" if seeds == 1 else "s" }}. \
{% endif %}
Ours: {{ ours }}. By the printed numbers: {{ printed }}.

| id | claim | where | margin | hold | clearly for, against | needed | verdict | paper: hold | paper: verdict | cells |
|---|---|---|---|---|---|---|---|---|---|---|
{% for row in rows %}
| {{ row | join(" | ") }} |
{% endfor %}

* hold: comparisons in which the relation holds between the numbers as they stand, of all comparisons made.
* clearly for, against: comparisons whose 95 % interval of the difference, joint for the claim, lies wholly beyond the \
margin on one side.
* needed: the share of comparisons that must clearly hold. Share and margin were fixed before any run.
* Verdicts are corrected for the number of claims (Holm): all decided ones are right with 95 %, as far as images go.
* With fewer than three training seeds the best verdict is "holds for these networks". docs/claims.md has the rules.
* A verdict speaks of networks of this scale on this dataset, and of the paper's setting only where they are its own.
""")


def claims_markdown(claims: pd.DataFrame, paper: str) -> str:
    """The page for people. ``claims`` has the columns `lacuna.claims.verdicts.CLAIM_COLUMNS`."""
    frame = claims.fillna({"note": "", "cells": "", "dataset": "", "scale": ""})
    return _MARKDOWN.render(
        paper=for_markdown(paper),
        scales=for_markdown(_listed(frame["scale"])),
        datasets=for_markdown(_listed(frame["dataset"])),
        seeds=int(frame["seeds"].max()),
        ours=_tally(frame["verdict"]),
        printed=_tally(frame["printed_verdict"]),
        rows=[_row(line) for line in frame.to_dict("records")],
    )


def _listed(texts: pd.Series) -> str:
    """The parts of all texts, each part once."""
    return ", ".join(dict.fromkeys(part for text in texts if text for part in text.split(", ")))


def _tally(verdicts: pd.Series) -> str:
    """How often each verdict stands: ``12 supported, 3 inconclusive``."""
    return ", ".join(f"{count} {verdict}" for verdict, count in verdicts.value_counts(sort=False).items())


def _row(line: Mapping[Any, Any]) -> list[str]:
    """The texts of one claim's row."""
    compared = line["comparisons"] > 0
    verdict = f"**{for_markdown(line['verdict'])}**" + (f": {for_markdown(line['note'])}" if line["note"] else "")
    before = [
        line["id"],
        with_symbols(line["claim"]),
        line["section"],
        "" if pd.isna(line["margin"]) else f"{line['margin']:g}",
        f"{line['hold']} of {line['comparisons']}" if compared else "",
        f"{line['clear_hold']}, {line['clear_against']}" if compared else "",
        "" if pd.isna(line["share_needed"]) else f"{line['share_needed']:.0%}".replace("%", " %"),
    ]
    after = [
        f"{line['printed_hold']} of {line['printed_comparisons']}" if line["printed_comparisons"] > 0 else "",
        line["printed_verdict"],
        line["cells"],
    ]
    return [*map(for_markdown, before), verdict, *map(for_markdown, after)]
