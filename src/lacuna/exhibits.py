"""From a table's YAML to its cells: which network, under which attack on which source. No torch here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from lacuna.codes import NO_SOURCE
from lacuna.names import ENSEMBLE, SELF, attack_code

CLEAN_SUITE = "clean"


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    ``target`` is the network (or ensemble) and the defense before it; ``suite`` is where its outcomes are; ``attack``
    is ``none`` and ``source`` empty for clean images. ``pair`` is both targets of a pair, for accuracies over the
    images that both get right.
    """

    row: str
    column: str
    metric: str
    model: str
    suite: str
    attack: str = "none"
    source: str = ""
    defense: str = ""
    pair: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """Name of what is evaluated: the network, and the defense before it if there is one."""
        return f"{self.model}--{self.defense}" if self.defense else self.model


class Exhibits:
    """The parts of the papers' files that cells are made of, by name."""

    def __init__(self, parts: Mapping[str, Mapping[str, Any]]) -> None:
        self.parts = parts
        self.codes = cache(self.codes)  # type: ignore[method-assign]  # asked for again by every cell

    def members(self, model: str) -> list[str]:
        """The networks a source or target consists of: an ensemble's, none for sets made without a network."""
        if model == NO_SOURCE:
            return []
        return list(self.parts["ensembles"][model]) if model.startswith(ENSEMBLE) else [model]

    def cells(self, body: Mapping[str, Any]) -> Iterator[Cell]:
        """The cells of a table in printed order, row by row."""
        for row in body["rows"]:
            for column in body["columns"]:
                yield self._cell(body, row, column)

    def _cell(self, body: Mapping[str, Any], row: Mapping[str, str], column: Mapping[str, str]) -> Cell:
        suite, attack, source = self._attacked(body, row, column)
        what = (row["row"], column["column"], column["metric"], row["model"])
        cell = Cell(*what, suite, attack, source, row.get("defense", ""))
        return replace(cell, pair=(cell.target, row["pair"])) if cell.metric == "conditional_accuracy" else cell

    def _attacked(
        self, body: Mapping[str, Any], row: Mapping[str, str], column: Mapping[str, str]
    ) -> tuple[str, str, str]:
        """Suite, attack's code and source; clean images are part of every suite, so the table's first serves."""
        if "suite" not in column:
            suites = [c["suite"] for c in body["columns"] if "suite" in c]
            return (suites[0] if suites else CLEAN_SUITE), "none", ""
        source = row["model"] if column["source"] == SELF else column["source"]
        return column["suite"], self.code(column["suite"], column.get("attack")), source

    def code(self, suite: str, attack: str | None) -> str:
        """The attack's code a column means: written out, or by the name of an attack that has one budget."""
        codes = self.codes(suite)
        if attack is None or attack in codes:
            return attack or next(iter(codes))
        return next(code for code, name in codes.items() if name == attack)

    def codes(self, suite: str) -> dict[str, str]:
        """Every attack code of a suite, with the attack it belongs to."""
        attacks = {name: self.parts["attacks"][name] for name in self.parts["suites"][suite]["attacks"]}
        return {attack_code(a["method"], budget): name for name, a in attacks.items() for budget in a["budgets"]}
