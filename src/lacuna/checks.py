"""What JSON Schema cannot say: names that must exist elsewhere, and networks that must differ."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from lacuna.errors import LacunaError
from lacuna.names import (
    ARCHITECTURES,
    METHODS,
    OWN,
    PIXELS,
    Method,
    ModelSpec,
    attack_code,
    parse_model,
    parse_pixels,
)

CLEAN_SUITE = "clean"


def check_datasets(file: str, datasets: Mapping[str, Any]) -> None:
    """Shapes that must agree: square images, and one mean and std per channel."""
    for name, dataset in datasets.items():
        channels, height, width = dataset["image"]
        if height != width:
            raise LacunaError(f"{file}, key {name}.image: {dataset['image']} is not allowed; allowed: a square")
        for key in ("mean", "std"):
            values = dataset["normalisation"].get(key)
            if values is not None and len(values) != channels:
                where = f"{file}, key {name}.normalisation.{key}"
                raise LacunaError(
                    f"{where}: {values} is not allowed; allowed: one number above 0 per channel ({channels})"
                )


def check_scale(file: str, settings: Mapping[str, Any], datasets: Mapping[str, Any]) -> None:
    """A scale's file against the datasets: roles, recipes, width and costs."""
    for role, dataset in settings["datasets"].items():
        _known(file, f"datasets.{role}", dataset, datasets)
        _known(file, f"recipes, for datasets.{role}", dataset, settings["recipes"])
    if Fraction(settings["width"]) <= 0:
        raise LacunaError(f"{file}, key width: '{settings['width']}' is not allowed; allowed: a fraction above 0")
    for dataset, recipe in settings["recipes"].items():
        _known(file, "recipes", dataset, datasets)
        milestones = recipe["schedule"].get("milestones", [])
        if milestones != sorted(set(milestones)) or any(epoch >= recipe["epochs"] for epoch in milestones):
            where = f"{file}, key recipes.{dataset}.schedule.milestones"
            limit = f"epochs in rising order, below epochs ({recipe['epochs']})"
            raise LacunaError(f"{where}: {milestones} is not allowed; allowed: {limit}")
        for arch in recipe.get("epochs_of", {}):
            _known(file, f"recipes.{dataset}.epochs_of", arch, ARCHITECTURES)
    for arch in ARCHITECTURES:
        if arch not in settings["seconds"]:
            raise LacunaError(f"{file}: key seconds.{arch} is missing; required: {', '.join(ARCHITECTURES)}")


def check_papers(
    papers: Mapping[str, Any], scale: str, settings: Mapping[str, Any], datasets: Mapping[str, Any]
) -> None:
    """Every paper's file: models, attacks, suites, tables and figures, and image counts of the scale."""
    seen: dict[str, str] = {}
    selections = [name for content in papers.values() for name in content["selections"]]
    for name in settings["images"]:
        _known(f"config/scales/{scale}.yaml", "images", name, selections)
    own = {name for content in papers.values() for name in content.get("networks", {})}
    for paper, content in papers.items():
        file = f"config/papers/{paper}.yaml"
        if content["paper"] != paper:
            raise LacunaError(f"{file}, key paper: '{content['paper']}' is not the file's name; allowed: {paper}")
        for key, model in _mentioned(content):
            if _model(file, key, model).training == OWN:
                _known(file, key, model, own)
        _check_attacks(file, content)
        for table, exhibit in content["tables"].items():
            _check_table(file, table, exhibit, content, scale, settings, datasets)
        for figure, exhibit in content["figures"].items():
            _known(file, f"figures.{figure}.table", exhibit["table"], content["tables"])
        for exhibit in [*content["tables"], *content["figures"]]:
            if exhibit in seen:
                raise LacunaError(f"{file}: exhibit '{exhibit}' is already defined in {seen[exhibit]}")
            seen[exhibit] = file


def _mentioned(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every place of a paper's file that names a model, and the name."""
    for kind in ("selections", "suites"):
        for name, body in content[kind].items():
            yield from ((f"{kind}.{name}.sources[{i}]", source) for i, source in enumerate(body["sources"]))
    for name, body in content["tables"].items():
        yield from ((f"tables.{name}.rows[{i}].model", row["model"]) for i, row in enumerate(body["rows"]))


def _check_attacks(file: str, content: Mapping[str, Any]) -> None:
    for name, attack in content["attacks"].items():
        key = f"attacks.{name}"
        _known(file, f"{key}.selection", attack["selection"], content["selections"])
        for i, budget in enumerate(attack["budgets"]):
            _check_budget(file, f"{key}.budgets[{i}]", attack["method"], budget)
        _once(file, f"{key}.budgets", [attack_code(attack["method"], budget) for budget in attack["budgets"]])
    for name, suite in content["suites"].items():
        key = f"suites.{name}"
        if name == CLEAN_SUITE:
            raise LacunaError(f"{file}: key {key} is reserved for clean images; allowed: any other name")
        _known(file, f"{key}.attack", suite["attack"], content["attacks"])
        selection = content["selections"][content["attacks"][suite["attack"]]["selection"]]
        for i, source in enumerate(suite["sources"]):
            _known(file, f"{key}.sources[{i}]", source, selection["sources"])


def _check_budget(file: str, key: str, method: str, budget: Mapping[str, Any]) -> None:
    known = METHODS.get(method, Method(optional=("epsilon", "arguments")))
    choice = [" or ".join(known.one_of)] if known.one_of else []
    takes = ", ".join([*known.required, *choice, *(f"{name} (optional)" for name in known.optional)])
    lacking, chosen = set(known.required) - set(budget), set(known.one_of) & set(budget)
    if lacking or set(budget) - set(known.parameters) or len(chosen) != bool(known.one_of):
        has = ", ".join(sorted(budget)) or "nothing"
        raise LacunaError(f"{file}, key {key}: has {has}; {method} takes {takes or 'nothing'}")
    for name in sorted(PIXELS & set(budget)):
        if parse_pixels(budget[name], f"{file}, key {key}.{name}") == 0:
            raise LacunaError(f"{file}, key {key}.{name}: '{budget[name]}' is not allowed; allowed: above 0")
    if budget.get("restarts", 1) > 1 and not budget.get("random_start"):
        raise LacunaError(f"{file}: key {key}.random_start is missing; without it all restarts are the same")


def _check_table(
    file: str,
    table: str,
    exhibit: Mapping[str, Any],
    content: Mapping[str, Any],
    scale: str,
    settings: Mapping[str, Any],
    datasets: Mapping[str, Any],
) -> None:
    key = f"tables.{table}"
    _known(file, f"{key}.dataset", exhibit["dataset"], settings["datasets"])
    _once(file, f"{key}.rows", [(parse_model(row["model"]).arch, row["row"]) for row in exhibit["rows"]])
    for i, row in enumerate(exhibit["rows"]):
        if "defense" in row:
            _known(file, f"{key}.rows[{i}].defense", row["defense"], content.get("defenses", {}))
    _once(file, f"{key}.columns", [column["column"] for column in exhibit["columns"]])
    for i, column in enumerate(exhibit["columns"]):
        _check_column(file, f"{key}.columns[{i}]", column, content)
        if column.get("source") in [row["model"] for row in exhibit["rows"]]:
            where = f"{file}, key {key}.columns[{i}].source: '{column['source']}'"
            raise LacunaError(f"{where} is also a row; allowed: another network (another s<seed>)")
        if "suite" in column:
            name = content["suites"][column["suite"]]["attack"]
            attack = content["attacks"][name]
            dataset = settings["datasets"][exhibit["dataset"]]
            _check_images(f"config/scales/{scale}.yaml", attack["selection"], settings, dataset, datasets)
            _check_patches(file, name, attack, dataset, datasets)


def _check_column(file: str, key: str, column: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    needs = column["metric"] != "test_accuracy"
    for name in ("suite", "source"):
        if needs and name not in column:
            raise LacunaError(f"{file}: key {key}.{name} is missing; metric {column['metric']} needs suite and source")
    if not needs:
        if extra := sorted({"suite", "source", "attack"} & set(column)):
            raise LacunaError(f"{file}: key {key}.{extra[0]} is not known; metric test_accuracy takes none")
        return
    _known(file, f"{key}.suite", column["suite"], content["suites"])
    suite = content["suites"][column["suite"]]
    _known(file, f"{key}.source", column["source"], suite["sources"])
    attack = content["attacks"][suite["attack"]]
    codes = [attack_code(attack["method"], budget) for budget in attack["budgets"]]
    if "attack" in column:
        _known(file, f"{key}.attack", column["attack"], codes)
    elif len(codes) > 1:
        raise LacunaError(f"{file}: key {key}.attack is missing; allowed: {', '.join(codes)}")


def _check_images(
    file: str, selection: str, settings: Mapping[str, Any], dataset: str, datasets: Mapping[str, Any]
) -> None:
    if selection not in settings["images"]:
        raise LacunaError(f"{file}: key images.{selection} is missing; required: how many images to attack")
    asked, there = settings["images"][selection], datasets[dataset]["test"]
    if asked > there:
        limit = f"at most {there}, the test images of {dataset}"
        raise LacunaError(f"{file}, key images.{selection}: {asked} is not allowed; allowed: {limit}")


def _check_patches(file: str, name: str, attack: Mapping[str, Any], dataset: str, datasets: Mapping[str, Any]) -> None:
    size = datasets[dataset]["image"][1]
    for i, budget in enumerate(attack["budgets"] if attack["method"] == "shuffle" else ()):
        if size % budget["k"] and not budget.get("pad"):
            limit = f"a divisor of {size}, the size of {dataset}, or any with pad: true"
            where = f"{file}, key attacks.{name}.budgets[{i}].k"
            raise LacunaError(f"{where}: {budget['k']} is not allowed; allowed: {limit}")


def _model(file: str, key: str, name: str) -> ModelSpec:
    try:
        return parse_model(name)
    except LacunaError as error:
        raise LacunaError(f"{file}, key {key}: {error}") from None


def _known(file: str, key: str, name: str, allowed: Iterable[str]) -> None:
    if name not in allowed:
        raise LacunaError(f"{file}, key {key}: '{name}' is not known; allowed: {', '.join(sorted(allowed))}")


def _once(file: str, key: str, names: list[Any]) -> None:
    for name in names:
        if names.count(name) > 1:
            shown = name if isinstance(name, str) else " / ".join(name)
            raise LacunaError(f"{file}, key {key}: '{shown}' stands twice; allowed: once")
