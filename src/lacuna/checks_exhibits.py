"""What JSON Schema cannot say of tables and figures: names that must exist, and networks that must differ."""

from collections.abc import Mapping
from typing import Any

from lacuna.checks import Paper, check_source, known, once
from lacuna.codes import NO_SOURCE, arch_code, network_of
from lacuna.errors import LacunaError
from lacuna.exhibits import Exhibits
from lacuna.names import SELF


def check_exhibits(papers: Mapping[str, Paper]) -> None:
    """Every table and figure of every paper's file, and that no two have one name."""
    seen: dict[str, str] = {}
    for paper in papers.values():
        for table, body in paper.content["tables"].items():
            _check_table(paper, f"tables.{table}", body)
        for figure, body in paper.content["figures"].items():
            _check_figure(paper, f"figures.{figure}", body)
        for exhibit in [*paper.content["tables"], *paper.content["figures"]]:
            if exhibit in seen:
                raise LacunaError(f"{paper.file}: exhibit '{exhibit}' is already defined in {seen[exhibit]}")
            seen[exhibit] = paper.file


def _check_table(paper: Paper, key: str, table: Mapping[str, Any]) -> None:
    content, rows = paper.content, table["rows"]
    known(paper.file, f"{key}.dataset", table["dataset"], paper.settings["datasets"])
    once(paper.file, f"{key}.rows", [(_arch(row["model"], content), row["row"]) for row in rows])
    for i, row in enumerate(rows):
        if "defense" in row:
            known(paper.file, f"{key}.rows[{i}].defense", row["defense"], content["defenses"])
        if "pair" in row:
            others = {other["model"] for other in rows if "defense" not in other} - {row["model"]}
            known(paper.file, f"{key}.rows[{i}].pair", row["pair"], others)
    once(paper.file, f"{key}.columns", [column["column"] for column in table["columns"]])
    for i, column in enumerate(table["columns"]):
        _check_column(paper, f"{key}.columns[{i}]", column, rows)
        for attack in content["suites"][column["suite"]]["attacks"] if "suite" in column else ():
            _check_set(paper, attack, table["dataset"])


def _arch(model: str, content: Mapping[str, Any]) -> str:
    return arch_code(network_of(model, content["ensembles"]).arch)


def _check_column(paper: Paper, key: str, column: Mapping[str, str], rows: list[dict[str, str]]) -> None:
    metric, file = column["metric"], paper.file
    if metric == "test_accuracy":
        if extra := sorted({"suite", "source", "attack"} & set(column)):
            raise LacunaError(f"{file}: key {key}.{extra[0]} is not known; metric test_accuracy takes none")
        return
    for name in ("suite", "source"):
        if name not in column:
            raise LacunaError(f"{file}: key {key}.{name} is missing; metric {metric} needs suite and source")
    known(file, f"{key}.suite", column["suite"], paper.content["suites"])
    exhibits = Exhibits(paper.content)
    _check_rows_apart(file, key, column, [row["model"] for row in rows], exhibits)
    codes = exhibits.codes(column["suite"])
    single = [name for name in codes.values() if [*codes.values()].count(name) == 1]
    allowed = dict.fromkeys([*codes, *single])
    if "attack" in column:
        known(file, f"{key}.attack", column["attack"], allowed)
    elif len(codes) > 1:
        raise LacunaError(f"{file}: key {key}.attack is missing; allowed: {', '.join(allowed)}")
    for i, row in enumerate(rows):
        if metric == "conditional_accuracy" and "pair" not in row:
            where = key.partition(".columns")[0]
            raise LacunaError(f"{file}: key {where}.rows[{i}].pair is missing; metric conditional_accuracy needs it")


def _check_rows_apart(file: str, key: str, column: Mapping[str, str], models: list[str], exhibits: Exhibits) -> None:
    """A source is in its suite, and is no row's network: that would be a white box, which is written ``self``."""
    known(file, f"{key}.source", column["source"], exhibits.parts["suites"][column["suite"]]["sources"])
    if column["source"] == SELF:
        return
    used = {member for model in models for member in exhibits.members(model)}
    if used & set(exhibits.members(column["source"])):
        where = f"{file}, key {key}.source: '{column['source']}'"
        raise LacunaError(f"{where} is also a row; allowed: another network (another s<seed>), or self for a white box")


def _check_figure(paper: Paper, key: str, figure: Mapping[str, Any]) -> None:
    content, roles = paper.content, paper.settings["datasets"]
    if "table" in figure:
        known(paper.file, f"{key}.table", figure["table"], content["tables"])
    if "dataset" in figure:
        known(paper.file, f"{key}.dataset", figure["dataset"], roles)
    if figure["plot"] == "tradeoff":
        codes = {cell.attack for cell in Exhibits(content).cells(content["tables"][figure["table"]])} - {"none"}
        known(paper.file, f"{key}.attack", figure["attack"], codes)
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
    if figure["plot"] in ("foregrounds", "unsuspicious"):
        _check_foreground(paper, key, figure)
    for i, line in enumerate(figure.get("lines", [])):
        known(paper.file, f"{key}.lines[{i}].dataset", line["dataset"], roles)
    for i, row in enumerate(figure.get("rows", [])):
        known(paper.file, f"{key}.rows[{i}].attack", row["attack"], content["attacks"])
        known(paper.file, f"{key}.rows[{i}].code", row["code"], paper.codes(row["attack"]))
        check_source(paper, f"{key}.rows[{i}].source", row["source"], row["attack"])
        _check_set(paper, row["attack"], figure["dataset"])


def _check_foreground(paper: Paper, key: str, figure: Mapping[str, Any]) -> None:
    name = paper.settings["datasets"][figure["dataset"]]
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
    size = dataset["image"][1]
    for i, budget in enumerate(body["budgets"] if body["method"] == "shuffle" else ()):
        if size % budget["k"] and not budget.get("pad"):
            where = f"{paper.origin(attack)}, key attacks.{attack}.budgets[{i}].k"
            limit = f"a divisor of {size}, the size of {name}, or any with pad: true"
            raise LacunaError(f"{where}: {budget['k']} is not allowed; allowed: {limit}")
