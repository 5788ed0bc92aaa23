"""What lines or budgets share: a file states it once, and every other module reads each line with all its keys.

``shared`` of a table has keys that its columns (``shared.columns``) or its rows (``shared.rows``) have. In place of a
line may stand a group, ``{shared: {...}, columns: [...]}``, whose lines share further keys. The nearest statement wins:
the line's own, then its group's, then its table's. ``shared`` of an attack has keys that its budgets have.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lacuna.errors import LacunaError
from lacuna.language.exhibits import CHECKS, CLEAN_METRICS

Body = Mapping[str, Any]
SIDES = ("columns", "rows")
OF_ATTACKS = ("suite", "source", "attack", *CHECKS)  # keys that a line with a metric of clean images does not take


@dataclass(frozen=True)
class Line:
    """A row or a column with all its keys; ``place`` and ``origins`` say where in the table each of them is stated."""

    body: Body
    place: str
    origins: Mapping[str, str] = field(default_factory=dict)  # of the keys that it shares

    def where(self, key: str) -> str:
        """Where a key is stated: ``columns[2].suite``, ``columns[1].shared.suite`` or ``shared.columns.suite``."""
        return f"{self.origins.get(key, self.place)}.{key}"


def written_out(paper: Body) -> dict[str, Any]:
    """A paper's file without ``shared`` and without groups: every line and every budget has all its keys."""
    tables = {name: _table(body) for name, body in paper.get("tables", {}).items()}
    attacks = {name: _attack(body) for name, body in paper.get("attacks", {}).items()}
    return {**paper, "tables": tables, "attacks": attacks}


def _table(body: Body) -> dict[str, Any]:
    sides = {side: [dict(line.body) for line in lines(body, side)] for side in SIDES}
    return {key: sides.get(key, value) for key, value in body.items() if key != "shared"}


def _attack(body: Body) -> dict[str, Any]:
    budgets = [{**body.get("shared", {}), **budget} for budget in body["budgets"]]
    return {key: budgets if key == "budgets" else value for key, value in body.items() if key != "shared"}


def lines(table: Body, side: str) -> list[Line]:
    """The columns or the rows of a table, in their order, those of groups among them."""
    return list(_lines(table[side], side, side, _stated(table.get("shared", {}).get(side, {}), f"shared.{side}")))


Shared = Mapping[str, tuple[Any, str]]  # a key's value, and the ``shared`` that states it


def _stated(shared: Body, place: str) -> Shared:
    return {key: (value, place) for key, value in shared.items()}


def _lines(entries: Sequence[Body], side: str, path: str, shared: Shared) -> Iterator[Line]:
    for i, entry in enumerate(entries):
        place = f"{path}[{i}]"
        if side in entry:
            inner = _stated(entry.get("shared", {}), f"{place}.shared")
            yield from _lines(entry[side], side, f"{place}.{side}", {**shared, **inner})
        else:
            yield _line(entry, place, shared)


def _line(own: Body, place: str, shared: Shared) -> Line:
    metric = own["metric"] if "metric" in own else shared.get("metric", ("",))[0]
    refused = OF_ATTACKS if metric in CLEAN_METRICS else ()
    taken = {key: stated for key, stated in shared.items() if key not in own and key not in refused}
    values, origins = ({key: stated[i] for key, stated in taken.items()} for i in (0, 1))
    return Line({**values, **own}, place, origins)


def check_shared(file: str, paper: Body) -> None:
    """Raises `LacunaError` naming the first key of ``shared`` that changes nothing."""
    for key, line in _unused(paper):
        why = f"each {line} states its own or takes none"
        raise LacunaError(f"{file}: key {key} has no use, since {why}; allowed: what at least one {line} takes from it")


def _unused(paper: Body) -> Iterator[tuple[str, str]]:
    for name, attack in paper["attacks"].items():
        keys = (key for key in attack.get("shared", {}) if all(key in budget for budget in attack["budgets"]))
        yield from ((f"attacks.{name}.shared.{key}", "budget") for key in keys)
    for name, table in paper["tables"].items():
        columns, rows = (lines(table, side) for side in SIDES)
        of_rows = set.intersection(*(set(row.body) for row in rows))  # a row's key wins over a column's
        taken = {line.where(key) for line in columns for key in line.origins.keys() - of_rows}
        taken |= {line.where(key) for line in rows for key in line.origins}
        yield from ((f"tables.{name}.{place}", "line") for place in _places(table) if place not in taken)


def _places(table: Body) -> Iterator[str]:
    """Every shared key of a table, as `Line.where` names it."""
    for side in SIDES:
        yield from (f"shared.{side}.{key}" for key in table.get("shared", {}).get(side, {}))
        for i, entry in enumerate(table[side]):
            yield from (f"{side}[{i}].shared.{key}" for key in entry.get("shared", {}))
