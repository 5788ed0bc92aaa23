"""What JSON Schema cannot say of a paper's models and attacks: names that must exist, what goes together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lacuna.config.budgets import check_budget
from lacuna.config.joined import Parts, known, refuse_twice
from lacuna.config.shared import SIDES, Line, lines
from lacuna.config.victims import VICTIM
from lacuna.errors import LacunaError
from lacuna.language.attacks import MARGIN, METHODS, attack_code, method_of
from lacuna.language.codes import NO_SOURCE
from lacuna.language.exhibits import CLEAN_SUITE
from lacuna.language.models import (
    DEFENDED,
    DROPOUT_NETWORKS,
    ENSEMBLE,
    OWN,
    PACKAGED,
    PUBLISHED_NETWORKS,
    SELF,
    STANDARD,
    parse_model,
)
from lacuna.language.packages import PACKAGE

OWN_NAME = f"{OWN}-"
# What may stand for a model besides a network of this project, as a sentence calls it.
KINDS = {OWN_NAME: "own-<name>", ENSEMBLE: "ensemble-<name>", SELF: SELF, DEFENDED: DEFENDED, NO_SOURCE: NO_SOURCE}


@dataclass(frozen=True)
class Paper:
    """A paper's file, with its attacks as the scale changes them, and what it must agree with.

    ``content`` has every kind of part, if only empty, and each line and budget with all its keys. ``written`` is the
    file as it stands, with what lines and budgets share stated once (`lacuna.config.shared`). ``joined`` are the
    parts of all papers.
    """

    file: str
    content: Mapping[str, Any]
    written: Mapping[str, Any]
    scale_file: str
    settings: Mapping[str, Any]
    datasets: Mapping[str, Any]
    joined: Parts

    @property
    def parts(self) -> Mapping[str, Mapping[str, Any]]:
        """What the file may name, by kind."""
        return self.joined.named

    def lines(self, table: str, side: str) -> list[Line]:
        """The columns or the rows of a table as the file states them, without those that the scale leaves out."""
        changes, kind = self.settings["tables"].get(table, {}).get(side, {}), side.removesuffix("s")
        whole = lines(self.written["tables"][table], side)
        return [line for line in whole if changes.get(line.body[kind], kind) is not None]

    def origin(self, attack: str) -> str:
        """The file in which to mend an attack's budgets."""
        return self.scale_file if attack in self.settings.get("attacks", {}) else self.joined.homes["attacks", attack]

    def codes(self, attack: str) -> list[str]:
        """The codes of an attack's budgets, in their order."""
        body = self.parts["attacks"][attack]
        return [attack_code(body["method"], budget) for budget in body["budgets"]]

    def places(self, attack: str, i: int) -> dict[str, str]:
        """Where the file states the keys that a budget shares with the others; none where the scale changes them."""
        if self.origin(attack) != self.file:
            return {}
        written = self.written["attacks"][attack]
        shared = written.get("shared", {}).keys() - written["budgets"][i].keys()
        return {key: f"attacks.{attack}.shared.{key}" for key in shared}


def check_papers(papers: Mapping[str, Paper]) -> None:
    """Of every paper's file: its name, models, trainings, attacks and suites; and the selections of the scale."""
    for name, paper in papers.items():
        models = Models(paper.parts)
        for selection in paper.settings["images"]:
            known(paper.scale_file, "images", selection, paper.parts["selections"])
        if (stated := paper.content["paper"]) != name:
            raise LacunaError(f"{paper.file}, key paper: '{stated}' is not the file's name; allowed: {name}")
        if f"{name}-claims" in paper.parts["tables"]:
            where = f"{paper.file}, key tables.{name}-claims"
            raise LacunaError(f"{where}: its file would be that of the claims; allowed: another name")
        _check_victim(name, paper, models)
        _check_trainings(paper)
        _check_selections(paper)
        for key, model, kinds in _mentioned(paper):
            models.check(paper, key, model, kinds)
        _check_attacks(paper)
        _check_suites(paper)


def _check_victim(name: str, paper: Paper, models: "Models") -> None:
    """The network that stands for ``victim``, in the file that names it."""
    if model := paper.content.get(VICTIM):
        scaled = name in paper.settings["victims"]
        file, key = (paper.scale_file, f"victims.{name}") if scaled else (paper.file, VICTIM)
        models.check(replace(paper, file=file), key, model, (OWN_NAME, ENSEMBLE))


LEVELS = "lspga"  # ascends the levels of a thermometer encoding, which has no gradient at the pixels
_MASKED = [name for name, method in METHODS.items() if method.training and method.foreground]


def _check_trainings(paper: Paper) -> None:
    for name, training in paper.content["trainings"].items():
        file, key = paper.scale_file if name in paper.settings["trainings"] else paper.file, f"trainings.{name}"
        for place, problem in _contradictions(training):
            raise LacunaError(f"{file}, key {key}.{place}: {problem}")
        if attack := training.get("attack"):
            takes = METHODS[attack["method"]].training
            assert takes, "the schema allows no other methods"
            budget = {name: value for name, value in attack.items() if name not in ("method", "masks", "warmup")}
            check_budget(file, f"{key}.attack", attack["method"], takes, budget)


def _contradictions(training: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Parts of a training that cannot stand together."""
    if "head" in training and training.keys() != {"head", "pretrained"}:
        alone = "the published network is taken as it is and nothing is trained"
        yield "head", f"{alone}; allowed: head with pretrained alone"
    if "thermometer" in training and "pretrained" in training:
        yield "thermometer", "trained weights take pixels, not their thermometer encoding; allowed: one of the two"
    attack = training.get("attack", {})
    if "masks" in attack and attack["method"] not in _MASKED:
        yield "attack.masks", f"{attack['method']} has no use for masks; allowed with: {', '.join(_MASKED)}"
    method = attack.get("method", LEVELS)
    if "attack" in training and ("thermometer" in training) != (method == LEVELS):
        why = "it needs thermometer" if method == LEVELS else "thermometer encoding has no gradient for it"
        yield "attack.method", f"'{method}' is not allowed: {why}; allowed: {LEVELS} with thermometer, others without"


class Models:
    """The models that all papers' files together define: whether one that is mentioned can be built."""

    def __init__(self, parts: Mapping[str, Mapping[str, Any]]) -> None:
        self.own, self.trainings = parts["networks"], parts["trainings"]

    def check(self, paper: Paper, key: str, model: str, kinds: tuple[str, ...]) -> None:
        """Its name parses, and what it refers to is defined; ``kinds`` may stand there besides a network."""
        kind = model if model in KINDS else next((kind for kind in KINDS if model.startswith(kind)), "")
        if kind and kind not in kinds:
            allowed = ", ".join(["a network", *(KINDS[other] for other in kinds)])
            raise LacunaError(f"{paper.file}, key {key}: '{model}' is not allowed; allowed: {allowed}")
        if kind in (OWN_NAME, ENSEMBLE):
            known(paper.file, key, model, self.own if kind == OWN_NAME else paper.parts["ensembles"])
        elif not kind:
            _check_network(f"{paper.file}, key {key}", model, self.trainings)


def _check_network(where: str, model: str, trainings: Mapping[str, Mapping[str, Any]]) -> None:
    """A network of this project: its name parses, and its training has a place in its architecture."""
    try:
        spec = parse_model(model, [STANDARD, *sorted(trainings)])
    except LacunaError as error:
        raise LacunaError(f"{where}: {error}") from None
    defined = trainings.get(spec.training, {})
    if spec.arch not in DROPOUT_NETWORKS and {"spatial_dropout", "drop_block"} & defined.keys():
        allowed = ", ".join(DROPOUT_NETWORKS)
        raise LacunaError(f"{where}: training '{spec.training}' has no place in {spec.arch}; allowed: {allowed}")
    started = PACKAGED if defined.get("pretrained") == PACKAGE else PUBLISHED_NETWORKS
    if "pretrained" in defined and (spec.arch not in started or spec.keep or spec.wide):
        allowed = f"{', '.join(started)} without masks"
        raise LacunaError(f"{where}: training '{spec.training}' starts from trained weights; allowed: {allowed}")


def _mentioned(paper: Paper) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Every place outside of figures that names a model, the name, and what may stand there besides a network."""
    content, tested = paper.content, (OWN_NAME, ENSEMBLE)
    for name, body in content["selections"].items():
        yield from _listed(f"selections.{name}.sources", body.get("sources", []), tested)
    for name, body in content["attacks"].items():
        if "source" in body.get("like", {}):
            yield f"attacks.{name}.like.source", body["like"]["source"], tested
    for name, body in content["suites"].items():
        yield from _listed(f"suites.{name}.sources", body["sources"], (*tested, SELF, DEFENDED, NO_SOURCE))
    for name, members in content["ensembles"].items():
        yield from _listed(f"ensembles.{name}", members, (OWN_NAME,))
    for name in paper.written["tables"]:
        named = [line for side in SIDES for line in paper.lines(name, side) if "model" in line.body]
        yield from ((f"tables.{name}.{line.where('model')}", line.body["model"], tested) for line in named)


def _check_selections(paper: Paper) -> None:
    """Some image can have a foreground within the limits."""
    for name, body in paper.content["selections"].items():
        limits = body.get("foreground", {})
        if limits.get("at_least", 0) > limits.get("at_most", 1):
            where = f"{paper.file}, key selections.{name}.foreground.at_least"
            allowed = f"at most {limits['at_most']}, its at_most"
            raise LacunaError(f"{where}: {limits['at_least']} is not allowed; allowed: {allowed}")


def _listed(key: str, models: list[str], kinds: tuple[str, ...]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    return ((f"{key}[{i}]", model, kinds) for i, model in enumerate(models))


def _check_attacks(paper: Paper) -> None:
    selections = paper.parts["selections"]
    for name, attack in paper.content["attacks"].items():
        key = f"attacks.{name}"
        known(paper.file, f"{key}.selection", attack["selection"], selections)
        if made_without(attack["method"]) and selections[attack["selection"]]["rule"] == "right_on_source":
            where = f"{paper.file}, key {key}.selection: '{attack['selection']}'"
            raise LacunaError(f"{where} asks the source, which {attack['method']} has none of; allowed: another rule")
        if MARGIN in attack.get("measures", []) and made_without(attack["method"]):
            where = f"{paper.file}, key {key}.measures: '{MARGIN}'"
            raise LacunaError(f"{where} is the source's, which {attack['method']} has none of; allowed: other measures")
        _check_like(paper, name, attack)
        for i, budget in enumerate(attack["budgets"]):
            where, method = f"{key}.budgets[{i}]", attack["method"]
            check_budget(paper.origin(name), where, method, method_of(method), budget, paper.places(name, i))
        refuse_twice(paper.origin(name), f"{key}.budgets", paper.codes(name))


def _check_like(paper: Paper, name: str, attack: Mapping[str, Any]) -> None:
    """The set that an attack's changes are scaled to: it exists, and is of the same images."""
    key, matched = f"attacks.{name}", any("match" in budget for budget in attack["budgets"])
    if matched != ("like" in attack):
        what = "like is missing; match needs it" if matched else "like is not known; only match needs it"
        raise LacunaError(f"{paper.file}: key {key}.{what}")
    if not matched:
        return
    like, attacks = attack["like"], paper.parts["attacks"]
    known(paper.file, f"{key}.like.attack", like["attack"], attacks)
    if like["budget"] >= len(budgets := attacks[like["attack"]]["budgets"]):
        where = f"{paper.file}, key {key}.like.budget: {like['budget']}"
        raise LacunaError(f"{where} is not allowed; allowed: 0 to {len(budgets) - 1}, the budgets of {like['attack']}")
    if attacks[like["attack"]]["selection"] != attack["selection"]:
        where = f"{paper.file}, key {key}.selection: '{attack['selection']}'"
        raise LacunaError(f"{where} is not that of {like['attack']}; allowed: {attacks[like['attack']]['selection']}")
    if made_without(attack["method"]) and "source" not in like:
        raise LacunaError(
            f"{paper.file}: key {key}.like.source is missing; {attack['method']} has no source of its own"
        )


def _check_suites(paper: Paper) -> None:
    for name, suite in paper.content["suites"].items():
        key = f"suites.{name}"
        if name == CLEAN_SUITE:
            raise LacunaError(f"{paper.file}: key {key} is reserved for clean images; allowed: any other name")
        for i, attack in enumerate(suite["attacks"]):
            known(paper.file, f"{key}.attacks[{i}]", attack, paper.parts["attacks"])
            for j, source in enumerate(suite["sources"]):
                check_source(paper, f"{key}.sources[{j}]", source, attack)
        refuse_twice(
            paper.file, f"{key}.attacks", [code for attack in suite["attacks"] for code in paper.codes(attack)]
        )


def made_without(method: str) -> bool:
    """Whether an attack method makes its sets without a network."""
    return not method_of(method).network


def check_source(paper: Paper, key: str, source: str, attack: str) -> None:
    """Sets made without a network have the source none, and only those."""
    method = paper.parts["attacks"][attack]["method"]
    if (source == NO_SOURCE) != made_without(method):
        allowed = NO_SOURCE if made_without(method) else "networks"
        raise LacunaError(f"{paper.file}, key {key}: '{source}' does not go with {method}; allowed: {allowed}")
