"""What JSON Schema cannot say of tables and figures: names that must exist, and networks that must differ."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lacuna.config.parts import Paper, check_source, known, once
from lacuna.config.shared import OF_ATTACKS, Line, lines
from lacuna.data.places import OWN_KINDS
from lacuna.errors import LacunaError
from lacuna.language.attacks import MEASURES, method_of
from lacuna.language.codes import GRADIENT_METRICS, NO_SOURCE, arch_code, network_of
from lacuna.language.exhibits import CHECKED_METRICS, CHECKS, CLEAN_METRICS, IN_PANELS, Exhibits, joined, role_of
from lacuna.language.models import SELF


def check_exhibits(papers: Mapping[str, Paper]) -> None:
    """Every table and figure of every paper's file, and that no two tables and no two figures have one name.

    A table may have a figure's name: its numbers.
    """
    seen: dict[tuple[str, str], str] = {}
    for paper in papers.values():
        for table, body in paper.content["tables"].items():
            _check_table(paper, table, body)
        for figure, body in paper.content["figures"].items():
            _check_figure(paper, f"figures.{figure}", body)
        for kind in ("tables", "figures"):
            for exhibit in paper.content[kind]:
                if (kind, exhibit) in seen:
                    raise LacunaError(f"{paper.file}: exhibit '{exhibit}' is already defined in {seen[kind, exhibit]}")
                seen[kind, exhibit] = paper.file


def _check_table(paper: Paper, name: str, table: Mapping[str, Any]) -> None:
    content, rows, key = paper.content, table["rows"], f"tables.{name}"
    known(paper.file, f"{key}.dataset", table["dataset"], paper.settings["datasets"])
    once(paper.file, f"{key}.rows", [(_arch(row, content), row["row"]) for row in rows])
    once(paper.file, f"{key}.columns", [column["column"] for column in table["columns"]])
    exhibits = Exhibits(content)
    for column in lines(paper.written["tables"][name], "columns"):
        if "x" in column.body and "panel" not in column.body:
            raise LacunaError(f"{paper.file}: key {key}.{column.where('panel')} is missing; required: panel with x")
        for row in lines(paper.written["tables"][name], "rows"):
            _check_cell(exhibits, _Place(paper.file, key, row, column), rows)
            if joined(row.body, column.body)["metric"] in GRADIENT_METRICS:
                _check_foreground(paper, key, table)
    suites = {part["suite"] for part in (*rows, *table["columns"]) if "suite" in part}
    for attack in sorted({attack for suite in suites for attack in content["suites"][suite]["attacks"]}):
        _check_set(paper, attack, table["dataset"])


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
    if part["metric"] in CLEAN_METRICS:
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
    if part["source"] == SELF or suite.get("diagonal"):
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
    needed = {"certified_accuracy": ["radius"], "bounded_accuracy": ["radius", "reference"]}.get(part["metric"], [])
    if lacking := [key for key in needed if key not in part]:
        raise LacunaError(f"{place.file}: key {place.key(lacking[0])} is missing; metric {part['metric']} needs it")
    if part["metric"] in MEASURES and part["metric"] not in attack.get("measures", []):
        measured = ", ".join(attack.get("measures", [])) or "none"
        where = f"{place.file}, key {place.key('metric')}"
        raise LacunaError(f"{where}: '{part['metric']}' is not measured of this attack; allowed: {measured}")


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


def _check_figure(paper: Paper, key: str, figure: Mapping[str, Any]) -> None:
    content, roles = paper.content, paper.settings["datasets"]
    if "table" in figure:
        known(paper.file, f"{key}.table", figure["table"], content["tables"])
    if numbers := content["tables"].get(key.removeprefix("figures.")):
        _check_numbers(f"{paper.file}, key {key}", content["tables"].get(figure.get("table"), figure), numbers)
    if "dataset" in figure:
        known(paper.file, f"{key}.dataset", figure["dataset"], roles)
    if figure["plot"] == "tradeoff":
        shown = {cell.attack for cell in Exhibits(content).cells(content["tables"][figure["table"]])} - {"none"}
        known(paper.file, f"{key}.attack", figure["attack"], shown)
    _check_panels(paper, key, figure)
    for i, panel in enumerate(figure.get("panels", [])):
        placed = [column.get("panel") for column in content["tables"][figure["table"]]["columns"]]
        known(paper.file, f"{key}.panels[{i}].panel", panel["panel"], [name for name in placed if name])
    if figure["plot"] == "shuffled":
        _check_shuffled(paper, key, figure)
    if "defense" in figure:
        known(paper.file, f"{key}.defense", figure["defense"], content["defenses"])
    if figure["plot"] == "pipeline":
        advdrop = [name for name, attack in content["attacks"].items() if attack["method"] == "advdrop"]
        known(paper.file, f"{key}.rows[0].attack", figure["rows"][0]["attack"], advdrop)
    if figure["plot"] in ("foregrounds", "unsuspicious", "gradients"):
        _check_foreground(paper, key, figure)
    for i, line in enumerate(figure.get("lines", [])):
        known(paper.file, f"{key}.lines[{i}].dataset", line["dataset"], roles)
    for i, row in enumerate(figure.get("rows", [])):
        known(paper.file, f"{key}.rows[{i}].attack", row["attack"], content["attacks"])
        codes = paper.codes(row["attack"])
        if "code" in row:
            known(paper.file, f"{key}.rows[{i}].code", row["code"], codes)
        elif row["budget"] >= len(codes):
            where = f"{paper.file}, key {key}.rows[{i}].budget: {row['budget']}"
            raise LacunaError(f"{where} is not allowed; allowed: 0 to {len(codes) - 1}, the budgets of {row['attack']}")
        check_source(paper, f"{key}.rows[{i}].source", row["source"], row["attack"])
        _check_set(paper, row["attack"], figure["dataset"])


def _check_panels(paper: Paper, key: str, figure: Mapping[str, Any]) -> None:
    """A heat map has all columns in panels or none; every column that a sweep places has a place."""
    if figure["plot"] not in IN_PANELS:
        return
    columns = paper.content["tables"][figure["table"]]["columns"]
    needed = "x" if figure["plot"] == "sweep" else "panel"
    placed = [column for column in columns if "panel" in column]
    for column in (placed if needed == "x" else columns) if placed else []:
        if needed not in column:
            where = f"{paper.file}, key tables.{figure['table']}.columns"
            raise LacunaError(f"{where}: '{column['column']}' has no {needed}; {key} needs it in every column it draws")


def _check_numbers(where: str, drawn: Mapping[str, Any], numbers: Mapping[str, Any]) -> None:
    """A table with a figure's name has its numbers, so both are about one dataset."""
    if role_of(drawn) != numbers["dataset"]:
        other = f"is about {role_of(drawn)}, and the table of this name about {numbers['dataset']}"
        raise LacunaError(f"{where}: {other}; allowed: one dataset, or another name")


def _check_foreground(paper: Paper, key: str, exhibit: Mapping[str, Any]) -> None:
    name = paper.settings["datasets"][exhibit["dataset"]]
    if "foreground" not in paper.datasets[name]:
        allowed = "a dataset with the key foreground in config/datasets.yaml"
        raise LacunaError(f"{paper.file}, key {key}.dataset: {name} has no foreground; allowed: {allowed}")


def _check_shuffled(paper: Paper, key: str, figure: Mapping[str, Any]) -> None:
    suites, attacks = paper.content["suites"], paper.content["attacks"]
    without = [name for name, suite in suites.items() if NO_SOURCE in suite["sources"]]
    known(paper.file, f"{key}.suite", figure["suite"], without)
    there = suites[figure["suite"]]["attacks"]
    shuffles = [name for name in there if attacks[name]["method"] == "shuffle"]
    known(paper.file, f"{key}.attack", figure["attack"], shuffles)
    for attack in there:
        _check_set(paper, attack, figure["dataset"])


def _check_set(paper: Paper, attack: str, role: str) -> None:
    """What an attack needs of a dataset: enough test images, and a size that its patches divide."""
    name = paper.settings["datasets"][role]
    dataset, body = paper.datasets[name], paper.content["attacks"][attack]
    asked = paper.settings["images"].get(body["selection"])
    if asked is None:
        key = f"images.{body['selection']}"
        raise LacunaError(f"{paper.scale_file}: key {key} is missing; required: how many images to attack")
    if asked > dataset["test"]:
        limit = f"at most {dataset['test']}, the test images of {name}"
        where = f"{paper.scale_file}, key images.{body['selection']}"
        raise LacunaError(f"{where}: {asked} is not allowed; allowed: {limit}")
    method = method_of(body["method"])
    if method.files and dataset["source"]["kind"] not in OWN_KINDS:
        where = f"{paper.origin(attack)}, key attacks.{attack}.method"
        raise LacunaError(
            f"{where}: the images of {name} have no file names; allowed: datasets of kind {' or '.join(OWN_KINDS)}"
        )
    for i, budget in enumerate(body["budgets"]):
        if refused := method.refuse_side(budget, dataset["image"][1]):
            parameter, allowed = refused
            where = f"{paper.origin(attack)}, key attacks.{attack}.budgets[{i}].{parameter}"
            found = f"{budget[parameter]} is not allowed for the images of {name}"
            raise LacunaError(f"{where}: {found}; allowed: {allowed}")
