"""The columns of each file, as the code names them, with the meaning that docs/ gives them. No torch here."""

import re
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from tables import table

from lacuna.claims.verdicts import CLAIM_COLUMNS, COMPARISON_COLUMNS
from lacuna.errors import LacunaError
from lacuna.language.attacks import MEASURES
from lacuna.language.codes import GRADIENT_METRICS
from lacuna.numbers.cells import CELL_COLUMNS, SEED_COLUMNS
from lacuna.numbers.flags import CHECK_COLUMNS

LINE = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| (.*) \|$", re.M)
NAME = re.compile(r"`(\w+)`")
CELLS = [*CELL_COLUMNS[:-1], *SEED_COLUMNS, CELL_COLUMNS[-1]]
# The file, the page and the heading there that explain it, its columns; none: those that stand there.
FILES: Sequence[tuple[str, str, str, Sequence[str]]] = (
    ("`tables/<table>.cells.csv`", "trace.md", "Columns of `.cells.csv`", CELLS),
    ("`tables/<table>.cells.csv` with checks for masked gradients", "cross.md", "What a cell says", CHECK_COLUMNS),
    ("`tables/<paper>-claims.csv`", "claims.md", "Columns", CLAIM_COLUMNS),
    ("`tables/<paper>-claims.comparisons.csv`", "claims.md", "Columns", COMPARISON_COLUMNS),
    ("`results/<scale>/<dataset>/evaluate/<suite>/<target>.parquet`", "trace.md", "Columns of an outcomes file", ()),
    (
        "`results/<scale>/<dataset>/measure/<attack>/<source>.parquet`",
        "trace.md",
        "Columns of a measures file",
        ["attack", "source", "image", *MEASURES],
    ),
    (
        "`results/<scale>/<dataset>/gradient/loss/<target>.parquet`",
        "trace.md",
        "Metrics",
        [*GRADIENT_METRICS],
    ),
    ("`results/<scale>/<dataset>/train/<model>.history.csv`", "trace.md", "Columns of a training's history", ()),
)


def page(root: Path) -> str:
    """The columns of every file that has a line per cell, claim, image or epoch."""
    text = ["# Columns of files", "Each file's name is followed by its columns. A link leads to what is said besides."]
    for file, document, heading, columns in FILES:
        found = meanings(root / "docs" / document, heading)
        pairs = [(f"`{name}`", _meaning(found, name, document)) for name in columns or found]
        rows = [(", ".join(name for name, _ in group), meaning) for meaning, group in groupby(pairs, itemgetter(1))]
        anchor = re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-")
        text += [f"## {file}", f"[{heading}](../{document}#{anchor})", table(("column", "meaning"), rows)]
    return "\n\n".join(text)


def meanings(document: Path, heading: str) -> dict[str, str]:
    """The columns that the tables below a heading of a document explain, each with its meaning."""
    (body,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", document.read_text(), re.M | re.S)
    body = body.replace("](#", f"]({document.name}#").replace("](", "](../")
    return {name: said for names, said in LINE.findall(body) for name in NAME.findall(names)}


def _meaning(found: dict[str, str], name: str, document: str) -> str:
    if name not in found:
        raise LacunaError(f"docs/{document} does not say what the column {name} means; add a line to its table")
    return found[name].replace("\\|", "|")
