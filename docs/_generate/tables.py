"""Tables of Markdown."""

from collections.abc import Iterable

Row = Iterable[object]


def table(head: Row, rows: Iterable[Row]) -> str:
    """A table of Markdown; a | in a cell is escaped."""
    lines = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in (head, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], ["---"] * len(lines[0]), *lines[1:]])
