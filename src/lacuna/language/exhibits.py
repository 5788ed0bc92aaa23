"""From a table's YAML to its cells: which network, under which attack on which source. No torch here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from lacuna.language.attacks import MEASURES, attack_code, method_of
from lacuna.language.codes import (
    GRADIENT_METRICS,
    NO_SOURCE,
    SCORE,
    Ensembles,
    Origin,
    arch_code,
    is_own,
    metric_code,
    network_of,
    origin_of,
    source_code,
    variant_code,
    white_box,
)
from lacuna.language.models import BEHIND, DEFENDED, ENSEMBLE, SELF

Body = Mapping[str, Any]
CLEAN_SUITE = "clean"
# Of clean images: no attack and no source.
CLEAN_METRICS = ("test_accuracy", "certified_accuracy", *GRADIENT_METRICS)
# Of what an attack finds within an l2 radius: on its float image, as the source sees it, or on the 8-bit image.
BOUNDED, BOUNDED_METRICS = "bounded_accuracy", ("bounded_accuracy", "bounded_accuracy_8bit")
OF_OWN_METRICS = ("arguments", "unit")  # keys of lines whose metric is the user's own
CHECKS, CHECKED_METRICS = ("ball", "larger"), ("adversarial_accuracy", *BOUNDED_METRICS)  # lacuna.numbers.flags


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    ``target`` is the network (or ensemble) and the defense before it; ``suite`` is where its outcomes are; ``attack``
    is ``none`` and ``source`` empty for clean images. ``pair`` is both targets of a pair, for accuracies over the
    images that both get right. ``measured`` is the attack whose images a measure is of, which no target looks at;
    ``radius`` is the l2 radius of a certified or bounded accuracy, pixels in [0, 1]; a bounded accuracy's is stated
    for an image of ``reference`` values. ``arguments`` and ``unit`` are those of a metric of the user's own.
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
    measured: str = ""
    radius: float = 0
    reference: int = 0
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)
    unit: str = ""

    @property
    def origin(self) -> Origin:
        """Where the lines that the cell counts come from."""
        return origin_of(vars(self) | {"target": self.target})

    @property
    def target(self) -> str:
        """Name of what is evaluated: the network, and the defense before it if there is one."""
        return f"{self.model}{BEHIND}{self.defense}" if self.defense else self.model

    @property
    def settings(self) -> dict[str, Any]:
        """The cell as the settings of the rule cells have it; what only metrics of the user's own have, only there."""
        said = {**vars(self), "target": self.target}
        return {key: value for key, value in said.items() if value or key not in OF_OWN_METRICS}


def network_codes(model: str, source: str, ensembles: Ensembles) -> dict[str, str]:
    """Target, keep probability and variant of a network, or of an ensemble, as the printed tables code them."""
    spec = network_of(model, ensembles)
    variant = variant_code(model, source, ensembles)
    return {"target": arch_code(spec.arch), "keep_prob": spec.keep_prob, "variant": variant}


def cell_codes(cell: Cell, ensembles: Ensembles) -> dict[str, str]:
    """The codes by which claims choose a cell: those of `lacuna.numbers.cells.cell_identity`, before anything ran."""
    codes = network_codes(cell.model, cell.source, ensembles)
    variant = "+".join(filter(None, [codes["variant"], cell.defense]))
    source = white_box(vars(cell) | {"target": cell.target}) or source_code(cell.source, ensembles)
    return {
        **codes,
        "variant": variant,
        "source": source,
        "attack": _attack_code(cell),
        "metric": metric_code(vars(cell)),
    }


def _attack_code(cell: Cell) -> str:
    if cell.metric == "certified_accuracy":
        return f"certified_r{cell.radius:g}"
    return f"{cell.attack}_r{cell.radius:g}" if cell.metric in BOUNDED_METRICS else cell.attack


def is_clean(part: Body) -> bool:
    """Whether a cell is of clean images, by its metric; one of the user's own is where no suite is stated."""
    return part["metric"] in CLEAN_METRICS or (is_own(part["metric"]) and "suite" not in part)


def joined(row: Body, column: Body) -> dict[str, Any]:
    """What a row and a column say of their cell together; where both speak, the row."""
    return {**column, **row}


class Exhibits:
    """The parts of the papers' files that cells are made of, by name."""

    def __init__(self, parts: Mapping[str, Mapping[str, Any]]) -> None:
        self.parts = parts
        for asked in ("codes", "names"):  # asked for again by every cell
            setattr(self, asked, cache(getattr(self, asked)))

    def members(self, model: str) -> list[str]:
        """The networks a source or target consists of, without its defense: an ensemble's; none without a network."""
        if model == NO_SOURCE:
            return []
        model = model.partition(BEHIND)[0]
        return list(self.parts["ensembles"][model]) if model.startswith(ENSEMBLE) else [model]

    def cells(self, body: Body) -> Iterator[Cell]:
        """The cells of a table in printed order, row by row."""
        for row in body["rows"]:
            for column in body["columns"]:
                yield self._cell(body, row, column)

    def checks(self, body: Body) -> list[dict[str, str]]:
        """Every cell's checks (lacuna.numbers.flags): its ball, the code of a larger budget, the attack's loss.

        Empty for cells without either; no list where no column has one.
        """
        found = [self._checks(row, column) for row in body["rows"] for column in body["columns"]]
        return found if any(found) else []

    def _checks(self, row: Body, column: Body) -> dict[str, str]:
        part = joined(row, column)
        if is_clean(part) or not set(CHECKS) & part.keys():
            return {}
        suite = part["suite"]
        attack = self.parts["attacks"][self.codes(suite)[self.code(suite, part.get("attack"))]]
        larger = self.code(suite, part["larger"]) if "larger" in part else ""
        return {"ball": part.get("ball", ""), "larger": larger, "loss": method_of(attack["method"]).loss}

    def _cell(self, body: Body, row: Body, column: Body) -> Cell:
        part = joined(row, column)
        metric, model, defense = part["metric"], part["model"], part.get("defense", "")
        cell = Cell(row["row"], column["column"], metric, model, *self._attacked(body, part), defense)
        if is_own(metric):
            return replace(cell, arguments=part.get("arguments", {}), unit=part.get("unit", SCORE))
        if metric == "certified_accuracy":
            return replace(cell, radius=float(part["radius"]))
        if metric in BOUNDED_METRICS:
            return replace(cell, radius=float(part["radius"]), reference=int(part["reference"]))
        if metric == "conditional_accuracy":
            return replace(cell, pair=(cell.target, part["pair"]))
        return replace(cell, measured=self.codes(cell.suite)[cell.attack]) if metric in MEASURES else cell

    def _attacked(self, body: Body, part: Mapping[str, str]) -> tuple[str, str, str]:
        """Suite, attack's code and source; clean images are part of every suite, so the table's first serves."""
        if is_clean(part):
            suites = [c["suite"] for c in (*body["columns"], *body["rows"]) if "suite" in c]
            return part.get("suite") or next(iter(suites), CLEAN_SUITE), "none", ""
        whole = BEHIND.join(filter(None, [part["model"], part.get("defense")]))
        source = {SELF: part["model"], DEFENDED: whole}.get(part["source"], part["source"])
        return part["suite"], self.code(part["suite"], part.get("attack")), source

    def code(self, suite: str, attack: str | None) -> str:
        """The attack's code a cell means: written out, or by the name of an attack that has one budget, or name[i]."""
        named = self.names(suite)
        return next(iter(named)) if attack is None else named[attack]

    def names(self, suite: str) -> dict[str, str]:
        """What a cell may call a suite's attacks, each with the code it means.

        A code; the name of an attack that has one budget; name[i] for the budgets of one that has several, and
        name.given for one with a name of its own. Names and places stay the same where a scale changes a budget.
        """
        codes = self.codes(suite)
        named = {code: code for code in codes}
        for name in dict.fromkeys(codes.values()):
            own = [code for code, attack in codes.items() if attack == name]
            named |= {name: own[0]} if len(own) == 1 else {f"{name}[{i}]": code for i, code in enumerate(own)}
            given = self.parts["attacks"][name].get("names", [])
            named |= {f"{name}.{one}": code for one, code in zip(given, own, strict=False) if one}
        return named

    def names_in(self, body: Body) -> dict[str, str]:
        """What `names` gives for all suites of a table."""
        suites = dict.fromkeys(line["suite"] for line in (*body["columns"], *body["rows"]) if "suite" in line)
        return {name: code for suite in suites for name, code in self.names(suite).items()}

    def codes(self, suite: str) -> dict[str, str]:
        """Every attack code of a suite, with the attack it belongs to."""
        attacks = {name: self.parts["attacks"][name] for name in self.parts["suites"][suite]["attacks"]}
        return {attack_code(a["method"], budget): name for name, a in attacks.items() for budget in a["budgets"]}
