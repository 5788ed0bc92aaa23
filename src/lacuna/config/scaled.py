"""Papers' files as a scale changes them, with every line and budget written out. No torch here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lacuna.config.extends import SCALED
from lacuna.config.joined import known, refuse_twice
from lacuna.config.schema import check_schema
from lacuna.config.shared import written_out
from lacuna.config.sources import Source
from lacuna.errors import LacunaError
from lacuna.language.attacks import method_of

Body = Mapping[str, Any]
LINES = {"columns": "column", "rows": "row"}  # the lines of a table, and the key of a line's name


def scale_papers(
    files: Mapping[str, Any], settings: Body, scale_file: str, sources: Mapping[str, Source], root: Path
) -> dict[str, Any]:
    """The papers' ``files`` written out, with what the scale changes of attacks, trainings and defenses.

    The result must be valid too. Names of budgets go from the budgets to their attack's key ``names``. Raises
    `LacunaError` for what a scale changes and no paper has.
    """
    papers = {paper: written_out(content) for paper, content in files.items()}
    for kind in SCALED:
        for name in settings[kind]:
            known(scale_file, kind, name, [name for content in papers.values() for name in content[kind]])
    tables = [table for content in papers.values() for table in content["tables"]]
    for table in settings["tables"]:
        known(scale_file, "tables", table, tables)
    scaled = {
        paper: _named(_scaled(content, settings, f"{sources[paper].file} with attacks of {scale_file}", root))
        for paper, content in papers.items()
    }
    scaled = {paper: _with_lines(content, settings["tables"], scale_file) for paper, content in scaled.items()}
    names = {name: body.get("names", []) for content in scaled.values() for name, body in content["attacks"].items()}
    return {paper: _placed(content, sources[paper].file, names) for paper, content in scaled.items()}


def _scaled(content: Body, settings: Body, file: str, root: Path) -> dict[str, Any]:
    changed = {
        kind: {name: _changed(body, settings[kind].get(name, {})) for name, body in content[kind].items()}
        for kind in SCALED
    }
    scaled = {**content, **changed}
    check_schema(scaled, "paper", file, root)
    return scaled


def _changed(body: Body, changes: Body) -> dict[str, Any]:
    """A part with other values for some keys, its own or those of a mapping in it; null takes a key away.

    ``budget`` changes every budget of an attack. Budgets in place of the paper's keep the names of the paper's, place
    by place, where they state none.
    """
    inner = {key: _joined(body[key], new) for key, new in changes.items() if isinstance(body.get(key), dict) and new}
    changed = _joined(body, {**changes, **inner})
    if isinstance(changes.get("budgets"), list):
        changed["budgets"] = _with_names(changes["budgets"], body["budgets"])
    every = changed.pop("budget", {})
    return changed | ({"budgets": [_joined(budget, every) for budget in changed["budgets"]]} if every else {})


def _joined(body: Body, new: Body) -> dict[str, Any]:
    """A mapping with other values for some keys; null takes a key away."""
    return {key: value for key, value in {**body, **new}.items() if value is not None}


def _with_names(budgets: Sequence[Any], before: Sequence[Body]) -> list[Any]:
    names = [{key: budget[key] for key in ("name",) if key in budget} for budget in before[: len(budgets)]]
    names += [{}] * (len(budgets) - len(names))
    return [name | budget if isinstance(budget, dict) else budget for name, budget in zip(names, budgets, strict=True)]


def _with_lines(content: Body, changes: Body, scale_file: str) -> dict[str, Any]:
    """A paper's file without the rows and columns of tables that the scale leaves out, others as it calls them."""
    tables = {name: _renamed(name, body, changes.get(name, {}), scale_file) for name, body in content["tables"].items()}
    return {**content, "tables": tables}


def _renamed(name: str, table: Body, changes: Body, scale_file: str) -> dict[str, Any]:
    kept = dict(table)
    for side, changed in changes.items():
        kind, where = LINES[side], f"tables.{name}.{side}"
        for line in changed:
            known(scale_file, where, line, sorted({line[kind] for line in table[side]}))
        called = [{**line, kind: changed.get(line[kind], line[kind])} for line in table[side]]
        kept[side] = [line for line in called if line[kind] is not None]
        if not kept[side]:
            raise LacunaError(f"{scale_file}, key {where} leaves none; allowed: at least one")
    return kept


def _named(content: Body) -> dict[str, Any]:
    return {**content, "attacks": {name: _named_attack(body) for name, body in content["attacks"].items()}}


def _named_attack(body: Body) -> dict[str, Any]:
    """An attack whose budgets have nothing but parameters; ``names`` are theirs, empty for one without."""
    names = [budget.get("name", "") for budget in body["budgets"]]
    if not any(names):
        return dict(body)
    kept = method_of(body["method"]).parameters
    budgets = [{key: value for key, value in one.items() if key != "name" or key in kept} for one in body["budgets"]]
    return {**body, "budgets": budgets, "names": names}


def _placed(content: Body, file: str, names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """A paper's file in which a budget that is named stands as its place: of sets to scale to, and of figures' rows."""
    attacks = {name: dict(body) for name, body in content["attacks"].items()}
    for name, body in attacks.items():
        refuse_twice(file, f"attacks.{name}.budgets", [given for given in body.get("names", []) if given])
        if "like" in body:
            body["like"] = _place(body["like"], file, f"attacks.{name}.like", names)
    figures = {name: dict(body) for name, body in content["figures"].items()}
    for name, body in figures.items():
        if "rows" in body:
            key = f"figures.{name}.rows"
            body["rows"] = [_place(row, file, f"{key}[{i}]", names) for i, row in enumerate(body["rows"])]
    return {**content, "attacks": attacks, "figures": figures}


def _place(body: Body, file: str, key: str, names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    budget, attack = body.get("budget"), body["attack"]
    if not isinstance(budget, str) or attack not in names:  # an attack that does not exist is refused by its name
        return dict(body)
    known(file, f"{key}.budget", budget, filter(None, names[attack]))
    return {**body, "budget": list(names[attack]).index(budget)}
