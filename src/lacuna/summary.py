"""``python -m lacuna.summary tables/table3.cells.csv``: where a table is, and how it compares with the paper."""

import sys
import time
from pathlib import Path

from lacuna.errors import without_controls
from lacuna.files.artefacts import read_csv
from lacuna.jobs.commands import command
from lacuna.jobs.progress import clock
from lacuna.reporting.tables.pattern import pattern_sentences


def describe_table(path: Path, started: float | None = None) -> str:
    """What a user wants to read when a table is done. ``started`` is a Unix time in seconds."""
    cells = read_csv(path)
    table = path.with_name(path.name.replace(".cells.csv", ""))
    took = f", {clock(time.time() - started)}" if started else ""
    first = cells.iloc[0]
    lines = [
        f"{table}.csv  (scale {first['scale']}, dataset {first['dataset']}, {len(cells)} cells{took})",
        f"  beside it: {table.name}.md with the paper's numbers, {table.name}.cells.csv, {table.name}.tex",
    ]
    return "\n".join([*lines, *(f"  {line}" for line in pattern_sentences(cells))])


if __name__ == "__main__":
    with command():
        print(without_controls(describe_table(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else None)))
