"""What JSON Schema cannot say: names that must exist elsewhere, and networks that must differ."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from lacuna.codes import NO_SOURCE, arch_code, network_of
from lacuna.errors import LacunaError
from lacuna.exhibits import CLEAN_SUITE, Exhibits
from lacuna.names import (
    ARCHITECTURES,
    ENSEMBLE,
    METHODS,
    OWN,
    PIXELS,
    SELF,
    STANDARD,
    Method,
    ModelSpec,
    attack_code,
    parse_model,
    parse_pixels,
)


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
    for paper, content in papers.items():
        file = f"config/papers/{paper}.yaml"
        if content["paper"] != paper:
            raise LacunaError(f"{file}, key paper: '{content['paper']}' is not the file's name; allowed: {paper}")
        content = {"networks": {}, "defenses": {}, "ensembles": {}, "trainings": {}, **content}
        _check_models(file, content, papers)
        _check_attacks(file, content)
        for table, exhibit in content["tables"].items():
            _check_table(file, table, exhibit, content, scale, settings, datasets)
        for figure, exhibit in content["figures"].items():
            _check_figure(file, f"figures.{figure}", exhibit, content, settings["datasets"])
        for exhibit in [*content["tables"], *content["figures"]]:
            if exhibit in seen:
                raise LacunaError(f"{file}: exhibit '{exhibit}' is already defined in {seen[exhibit]}")
            seen[exhibit] = file


def _check_models(file: str, content: Mapping[str, Any], papers: Mapping[str, Any]) -> None:
    """Every model mentioned can be built: its name parses, and what it refers to is defined somewhere."""
    own, ensembles, trainings = (
        {name for paper in papers.values() for name in paper.get(kind, {})}
        for kind in ("networks", "ensembles", "trainings")
    )
    for key, model in _mentioned(content):
        if model in (NO_SOURCE, SELF):
            continue
        if model.startswith(ENSEMBLE):
            _known(file, key, model, ensembles)
        elif _model(file, key, model, [STANDARD, *sorted(trainings)]).training == OWN:
            _known(file, key, model, own)


def _mentioned(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every place of a paper's file that names a model, and the name."""
    for kind in ("selections", "suites"):
        for name, body in content[kind].items():
            yield from ((f"{kind}.{name}.sources[{i}]", source) for i, source in enumerate(body.get("sources", [])))
    for name, members in content["ensembles"].items():
        yield from ((f"ensembles.{name}[{i}]", member) for i, member in enumerate(members))
    for name, body in content["figures"].items():
        yield from ((f"figures.{name}.model", body["model"]) for _ in range("model" in body))
        yield from ((f"figures.{name}.models", model) for model in body.get("models", []))
        yield from ((f"figures.{name}.lines[{i}].model", line["model"]) for i, line in enumerate(body.get("lines", [])))
        yield from ((f"figures.{name}.rows[{i}].source", row["source"]) for i, row in enumerate(body.get("rows", [])))
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
        for i, attack in enumerate(suite["attacks"]):
            _known(file, f"{key}.attacks[{i}]", attack, content["attacks"])
            _check_sources(file, key, suite, attack, content)
        codes = [
            attack_code(content["attacks"][attack]["method"], budget)
            for attack in suite["attacks"]
            for budget in content["attacks"][attack]["budgets"]
        ]
        _once(file, f"{key}.attacks", codes)


def _check_sources(file: str, key: str, suite: Mapping[str, Any], attack: str, content: Mapping[str, Any]) -> None:
    """Sets made without a network have the source none, and only those."""
    body = content["attacks"][attack]
    made_without = body["method"] in METHODS and not METHODS[body["method"]].network
    for i, source in enumerate(suite["sources"]):
        where = f"{key}.sources[{i}]"
        if (source == NO_SOURCE) != made_without:
            allowed = NO_SOURCE if made_without else "networks"
            raise LacunaError(f"{file}, key {where}: '{source}' does not go with {body['method']}; allowed: {allowed}")


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
    exhibits = Exhibits(content)
    _once(file, f"{key}.rows", [(_arch(row["model"], content), row["row"]) for row in exhibit["rows"]])
    models = [row["model"] for row in exhibit["rows"]]
    for i, row in enumerate(exhibit["rows"]):
        if "defense" in row:
            _known(file, f"{key}.rows[{i}].defense", row["defense"], content["defenses"])
        if "pair" in row:
            _known(file, f"{key}.rows[{i}].pair", row["pair"], models)
    _once(file, f"{key}.columns", [column["column"] for column in exhibit["columns"]])
    for i, column in enumerate(exhibit["columns"]):
        _check_column(file, f"{key}.columns[{i}]", column, exhibit["rows"], exhibits)
        if "suite" in column:
            dataset = settings["datasets"][exhibit["dataset"]]
            for attack in content["suites"][column["suite"]]["attacks"]:
                selection = content["attacks"][attack]["selection"]
                _check_images(f"config/scales/{scale}.yaml", selection, settings, dataset, datasets)
                _check_patches(file, attack, content["attacks"][attack], dataset, datasets)


def _arch(model: str, content: Mapping[str, Any]) -> str:
    return arch_code(network_of(model, content["ensembles"]).arch)


def _check_column(
    file: str, key: str, column: Mapping[str, Any], rows: list[dict[str, str]], exhibits: Exhibits
) -> None:
    needs = column["metric"] != "test_accuracy"
    for name in ("suite", "source"):
        if needs and name not in column:
            raise LacunaError(f"{file}: key {key}.{name} is missing; metric {column['metric']} needs suite and source")
    if not needs:
        if extra := sorted({"suite", "source", "attack"} & set(column)):
            raise LacunaError(f"{file}: key {key}.{extra[0]} is not known; metric test_accuracy takes none")
        return
    _known(file, f"{key}.suite", column["suite"], exhibits.parts["suites"])
    _check_source(file, key, column, [row["model"] for row in rows], exhibits)
    codes = exhibits.codes(column["suite"])
    single = [name for name in codes.values() if [*codes.values()].count(name) == 1]
    if "attack" in column:
        _known(file, f"{key}.attack", column["attack"], [*codes, *single])
    elif len(codes) > 1:
        raise LacunaError(f"{file}: key {key}.attack is missing; allowed: {', '.join([*codes, *single])}")
    for i, row in enumerate(rows):
        if column["metric"] == "conditional_accuracy" and "pair" not in row:
            where = key.partition(".columns")[0]
            raise LacunaError(f"{file}: key {where}.rows[{i}].pair is missing; metric conditional_accuracy needs it")


def _check_source(file: str, key: str, column: Mapping[str, Any], models: list[str], exhibits: Exhibits) -> None:
    """A source is in its suite, and is no row's network: that would be a white box, which is written ``self``."""
    sources = exhibits.parts["suites"][column["suite"]]["sources"]
    _known(file, f"{key}.source", column["source"], sources)
    if column["source"] == SELF:
        return
    used = {member for model in models for member in exhibits.members(model)}
    if used & set(exhibits.members(column["source"])):
        where = f"{file}, key {key}.source: '{column['source']}'"
        raise LacunaError(f"{where} is also a row; allowed: another network (another s<seed>), or self for a white box")


def _check_figure(
    file: str, key: str, figure: Mapping[str, Any], content: Mapping[str, Any], roles: Mapping[str, str]
) -> None:
    for name, part in (("table", "tables"), ("suite", "suites")):
        if name in figure:
            _known(file, f"{key}.{name}", figure[name], content[part])
    if "dataset" in figure:
        _known(file, f"{key}.dataset", figure["dataset"], roles)
    if figure["plot"] == "shuffled":
        _known(file, f"{key}.attack", figure["attack"], content["suites"][figure["suite"]]["attacks"])
    for i, line in enumerate(figure.get("lines", [])):
        _known(file, f"{key}.lines[{i}].dataset", line["dataset"], roles)
    for i, row in enumerate(figure.get("rows", [])):
        _known(file, f"{key}.rows[{i}].attack", row["attack"], content["attacks"])
        attack = content["attacks"][row["attack"]]
        codes = [attack_code(attack["method"], budget) for budget in attack["budgets"]]
        _known(file, f"{key}.rows[{i}].code", row["code"], codes)


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


def _model(file: str, key: str, name: str, trainings: Collection[str]) -> ModelSpec:
    try:
        return parse_model(name, trainings)
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
