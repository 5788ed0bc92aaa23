"""From a table's YAML to its cells: which network, under which attack on which source. No torch here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lacuna.names import ENSEMBLE, NO_SOURCE, SELF, attack_code, parse_model, printed_arch

CLEAN_SUITE = "clean"


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    ``target`` is the network (or ensemble) and the defense before it; ``suite`` is where its outcomes are; ``attack``
    is ``none`` and ``source`` empty for clean images. ``pair`` is the other network of a pair, for accuracies over
    the images that both get right. ``codes`` are the printed tables' words for target, keep_prob, variant, source.
    """

    row: str
    column: str
    metric: str
    model: str
    suite: str
    codes: dict[str, str]
    attack: str = "none"
    source: str = ""
    defense: str = ""
    pair: str = ""

    @property
    def target(self) -> str:
        """Name of what is evaluated: the network, and the defense before it if there is one."""
        return f"{self.model}--{self.defense}" if self.defense else self.model


class Exhibits:
    """The parts of the papers' files that cells are made of, by name."""

    def __init__(self, parts: Mapping[str, Mapping[str, Any]]) -> None:
        self.parts = parts

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
        how = {"suite": suite, "attack": attack, "source": source}
        rest = {"defense": row.get("defense", ""), "pair": row.get("pair", "")}
        codes = self.codes_of(row) | {"source": self.source_code(column.get("source", ""))}
        return Cell(row["row"], column["column"], column["metric"], row["model"], codes=codes, **how, **rest)

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

    def codes_of(self, row: Mapping[str, str]) -> dict[str, str]:
        """A row's target, keep_prob and variant as the printed tables code them; a row may state its own words."""
        codes = self._words(row["model"]) | {key: row[key] for key in ("target", "variant") if key in row}
        return codes | {"variant": "+".join(filter(None, [codes["variant"], row.get("defense", "")]))}

    def _words(self, model: str) -> dict[str, str]:
        members = self.members(model)
        spec = parse_model(members[0])
        words = self.parts["trainings"].get(spec.training, {}).get("variant", "")
        variant = spec.variant if not words else words if not spec.keep else f"{spec.variant}+{words}"
        ensemble = "_ensemble" if len(members) > 1 else ""
        return {"target": printed_arch(spec.arch), "keep_prob": spec.keep_prob, "variant": variant + ensemble}

    def source_code(self, source: str) -> str:
        """A source as the printed tables code it: resnet18, bottom_0.5, self, ensemble_except_vgg19; empty for none."""
        if source in ("", NO_SOURCE):
            return ""
        if source == SELF or source.startswith(ENSEMBLE):
            return source.replace("-", "_")
        spec = parse_model(source)
        return printed_arch(spec.arch) if not spec.keep else f"{spec.variant}_{spec.keep_prob}"
