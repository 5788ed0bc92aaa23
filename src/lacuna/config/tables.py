"""What JSON Schema cannot say of tables: names that must exist, and networks that must differ."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lacuna.config.joined import known, refuse_twice
from lacuna.config.needs import check_foreground, check_set
from lacuna.config.parts import Paper
from lacuna.config.shared import OF_ATTACKS, Line
from lacuna.errors import LacunaError
from lacuna.language.attacks import MEASURES
from lacuna.language.codes import GRADIENT_METRICS, arch_code, is_own, network_of
from lacuna.language.exhibits import (
    BOUNDED,
    BOUNDED_METRICS,
    CHECKED_METRICS,
    CHECKS,
    CLEAN_METRICS,
    OF_OWN_METRICS,
    Exhibits,
    is_clean,
    joined,
)
from lacuna.language.models import DEFENDED, SELF

NEEDED = {"certified_accuracy": ["radius"]} | {bounded: ["radius", "reference"] for bounded in BOUNDED_METRICS}
BESIDE = ("target", "row", "dataset", "scale")  # columns that stand beside a table's own (`wide_table`)
# What pandas reads as a missing value where nobody tells it otherwise, as a user's own script would not.
MISSING = {
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
}
QUANTISED, ADVDROP = ("success_relaxed", "success_hard"), "advdrop"


def check_tables(paper: Paper) -> None:
    """Every table of a paper's file."""
    for table, body in paper.content["tables"].items():
        _check_table(paper, table, body)


def _check_table(paper: Paper, name: str, table: Mapping[str, Any]) -> None:
    content, rows, key = paper.parts, table["rows"], f"tables.{name}"
    known(paper.file, f"{key}.dataset", table["dataset"], paper.settings["datasets"])
    refuse_twice(paper.file, f"{key}.rows", [(_arch(row, content), row["row"]) for row in rows])
    refuse_twice(paper.file, f"{key}.columns", [column["column"] for column in table["columns"]])
    exhibits, kept = Exhibits(content), paper.lines(name, "rows")
    for row in kept:
        _refuse_missing(paper, key, row, "row")
    for column in paper.lines(name, "columns"):
        _refuse_missing(paper, key, column, "column")
        if (named := column.body["column"]) in BESIDE:
            where = f"{paper.file}, key {key}.{column.where('column')}"
            raise LacunaError(f"{where}: '{named}' is a column of every table; allowed: another name")
        if "x" in column.body and "panel" not in column.body:
            raise LacunaError(f"{paper.file}: key {key}.{column.where('panel')} is missing; required: panel with x")
        for row in kept:
            _check_cell(exhibits, _Place(paper.file, key, row, column), rows)
            if joined(row.body, column.body)["metric"] in GRADIENT_METRICS:
                check_foreground(paper, key, table["dataset"])
    if exhibits.checks(table):
        _refuse_own_beside_checks(paper, key, table)
    suites = {part["suite"] for part in (*rows, *table["columns"]) if "suite" in part}
    for attack in sorted({attack for suite in suites for attack in content["suites"][suite]["attacks"]}):
        check_set(paper, attack, table["dataset"])


def _refuse_own_beside_checks(paper: Paper, key: str, table: Mapping[str, Any]) -> None:
    """A table that is checked for masked gradients shows accuracies, and its text says so of every cell."""
    metrics = [joined(row, column)["metric"] for row in table["rows"] for column in table["columns"]]
    if own := [metric for metric in metrics if is_own(metric)]:
        allowed = f"allowed: {own[0]} in a table without ball and larger"
        raise LacunaError(f"{paper.file}, key {key}: its cells are accuracies that are checked; {allowed}")


def _refuse_missing(paper: Paper, table: str, line: Line, kind: str) -> None:
    if (named := line.body[kind]) in MISSING:
        where = f"{paper.file}, key {table}.{line.where(kind)}"
        raise LacunaError(f"{where}: pandas reads '{named}' as a missing value; allowed: another name")


def _arch(row: Mapping[str, str], content: Mapping[str, Any]) -> str:
    return arch_code(network_of(row["model"], content["ensembles"]).arch) if "model" in row else ""


@dataclass(frozen=True)
class _Place:
    """A cell's place in a table, for sentences that name the row's or the column's key."""

    file: str
    table: str
    row: Line
    column: Line

    def part(self) -> dict[str, Any]:
        """What row and column say together."""
        return joined(self.row.body, self.column.body)

    def key(self, name: str) -> str:
        """Where a key of the cell stands; what stands nowhere is missed in the column."""
        return f"{self.table}.{(self.row if name in self.row.body else self.column).where(name)}"

    def known(self, name: str, allowed: Iterable[str]) -> None:
        """Raises `LacunaError` where the cell's ``name`` is none of the allowed ones."""
        known(self.file, self.key(name), self.part()[name], allowed)


def _check_cell(exhibits: Exhibits, place: _Place, rows: Sequence[Mapping[str, str]]) -> None:
    part = place.part()
    for name in ("metric", "model"):
        if name not in part:
            raise LacunaError(f"{place.file}: key {place.key(name)} is missing; allowed: in the row or in the column")
    if "defense" in part:
        place.known("defense", exhibits.parts["defenses"])
        if part["metric"] in GRADIENT_METRICS:
            raise LacunaError(
                f"{place.file}: key {place.key('defense')} is not known; metric {part['metric']} takes none"
            )
    _check_own(place, part)
    if is_clean(part):
        return _check_clean(place)
    for name in ("suite", "source"):
        if name not in part:
            needs = f"metric {part['metric']} needs suite and source"
            raise LacunaError(f"{place.file}: key {place.key(name)} is missing; {needs}")
    place.known("suite", exhibits.parts["suites"])
    _check_source(place, part, exhibits)
    _check_attack(place, part, exhibits)
    _check_checks(place, part, exhibits)
    if part["metric"] == "conditional_accuracy":
        _check_pair(place, rows)
    return None


def _check_own(place: _Place, part: Mapping[str, Any]) -> None:
    """Arguments and a unit are for metrics of the user's own; of clean images is such a metric without suite alone."""
    metric, own = part["metric"], is_own(part["metric"])
    if extra := [name for name in OF_OWN_METRICS if name in part and not own]:
        raise LacunaError(f"{place.file}: key {place.key(extra[0])} is not known; metric {metric} takes none")
    if own and is_clean(part) and (under := [name for name in OF_ATTACKS if name in part]):
        needs = f"metric {metric} needs suite and source with {under[0]}, or none of them for clean images"
        raise LacunaError(f"{place.file}: key {place.key('suite')} is missing; {needs}")


def _check_clean(place: _Place) -> None:
    """Clean images have no attack; where the column is for a metric under attack, the row says otherwise."""
    for side in (place.row.body, place.column.body):
        extra = sorted(set(OF_ATTACKS) & set(side))
        if extra and side.get("metric") in CLEAN_METRICS:
            what = f"metric {side['metric']} takes none"
            raise LacunaError(f"{place.file}: key {place.key(extra[0])} is not known; {what}")


def _check_source(place: _Place, part: Mapping[str, str], exhibits: Exhibits) -> None:
    """A source is in its suite, and is no row's network: that would be a white box, which is written ``self``."""
    suite = exhibits.parts["suites"][part["suite"]]
    place.known("source", suite["sources"])
    if part["source"] == DEFENDED and "smoothing" in exhibits.parts["defenses"].get(part.get("defense", ""), {}):
        where = f"{place.file}, key {place.key('source')}: '{DEFENDED}'"
        raise LacunaError(f"{where}: a smoothed network gives no gradient; allowed: {SELF}, with noise in the budget")
    if part["source"] in (SELF, DEFENDED) or suite.get("diagonal"):
        return
    if set(exhibits.members(part["model"])) & set(exhibits.members(part["source"])):
        where = f"{place.file}, key {place.key('source')}: '{part['source']}'"
        raise LacunaError(f"{where} is also a row; allowed: another network (another s<seed>), or self for a white box")


def _check_attack(place: _Place, part: Mapping[str, str], exhibits: Exhibits) -> None:
    codes, named = exhibits.codes(part["suite"]), exhibits.names(part["suite"])
    if "attack" in part:
        place.known("attack", named)
    elif len(codes) > 1:
        raise LacunaError(f"{place.file}: key {place.key('attack')} is missing; allowed: {', '.join(named)}")
    attack = exhibits.parts["attacks"][codes[exhibits.code(part["suite"], part.get("attack"))]]
    needed = NEEDED.get(part["metric"], [])
    if lacking := [key for key in needed if key not in part]:
        raise LacunaError(f"{place.file}: key {place.key(lacking[0])} is missing; metric {part['metric']} needs it")
    if part["metric"] in MEASURES and part["metric"] not in attack.get("measures", []):
        measured = ", ".join(attack.get("measures", [])) or "none"
        where = f"{place.file}, key {place.key('metric')}"
        raise LacunaError(f"{where}: '{part['metric']}' is not measured of this attack; allowed: {measured}")
    if part["metric"] in QUANTISED and attack["method"] != ADVDROP:
        where = f"{place.file}, key {place.key('metric')}"
        raise LacunaError(f"{where}: '{part['metric']}' is of {ADVDROP}'s quantiser, not of {attack['method']}")
    if part["metric"] == BOUNDED and (part["source"] != SELF or "defense" in part):
        where, of = f"{place.file}, key {place.key('metric')}", "of float images, as their source sees them"
        raise LacunaError(f"{where}: '{BOUNDED}' is {of}; allowed: source self without defense, or {BOUNDED}_8bit")


def _check_checks(place: _Place, part: Mapping[str, str], exhibits: Exhibits) -> None:
    """A cell that is checked is an accuracy over all images; its larger budget is another one of the same attack."""
    asked = [name for name in CHECKS if name in part]
    if asked and part["metric"] not in CHECKED_METRICS:
        allowed = f"allowed with: {', '.join(CHECKED_METRICS)}"
        raise LacunaError(f"{place.file}: key {place.key(asked[0])} is not for metric {part['metric']}; {allowed}")
    if "larger" in part:
        codes, named = exhibits.codes(part["suite"]), exhibits.names(part["suite"])
        own = exhibits.code(part["suite"], part.get("attack"))
        place.known("larger", [n for n, code in named.items() if code != own and codes[code] == codes[own]])


def _check_pair(place: _Place, rows: Sequence[Mapping[str, str]]) -> None:
    if "pair" not in place.row.body:
        where = f"{place.table}.{place.row.where('pair')}"
        raise LacunaError(f"{place.file}: key {where} is missing; metric conditional_accuracy needs it")
    others = {other["model"] for other in rows if "defense" not in other} - {place.row.body["model"]}
    place.known("pair", others)
