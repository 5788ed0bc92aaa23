"""What an exhibit uses at a configuration, as needs of notes name it: trainings, attacks, masks, ... No torch here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from lacuna.foreground.words import foreground_sentence
from lacuna.language.attacks import METHODS
from lacuna.language.codes import GRADIENT_METRICS, NO_SOURCE
from lacuna.language.exhibits import Cell
from lacuna.language.models import OWN, PACKAGED, parse_model
from lacuna.language.notes import NEEDS, WIDTH, Body, Used
from lacuna.plan.figures import files_of, settings_of
from lacuna.plan.lookup import SCORES
from lacuna.plan.stage import Known
from lacuna.reporting.plots import roles_of

Kind = Literal["table", "figure"]  # one name may be both: a figure, and its numbers
Named = list[tuple[str, Body]]  # names of one kind, each with what the configuration says of it
OF_ATTACKS = ("method", "selection", "fold_batch_norm")  # keys that an attack says once for all its budgets


@dataclass
class Shown:
    """What an exhibit shows, by name: roles, networks, attacks, defenses; and what of a foreground it looks at."""

    roles: list[str] = field(default_factory=list)
    models: set[str] = field(default_factory=set)  # those of ensembles too
    attacks: set[str] = field(default_factory=set)
    sets: set[tuple[str, str]] = field(default_factory=set)  # attack and source of each adversarial set
    defenses: set[str] = field(default_factory=set)
    foreground: bool = False
    saliency: list[Body] = field(default_factory=list)  # settings of saliency models


def used_by(known: Known, kind: Kind, name: str) -> Used:
    """What a table or a figure uses, by the kinds of `lacuna.language.notes.NEEDS`."""
    shown = _shown(known, kind, name)
    found: dict[str, Named] = {
        "role": [(role, {}) for role in shown.roles],
        "dataset": [(known.lookup.role(role), {}) for role in shown.roles],
        "defense": [(name, known.lookup.named("defenses", name)) for name in shown.defenses],
        **_of_networks(known, shown),
        **_of_attacks(known, shown),
        **_of_foreground(known, shown),
    }
    return {need: _by_name(found[need]) for need in NEEDS}


def foreground_sentences(known: Known, kind: Kind, name: str) -> list[str]:
    """How the foreground that an exhibit looks at is found, with the model of the salience term; one per dataset."""
    shown = _shown(known, kind, name)
    if not _looks_at_foreground(known, shown):
        return []
    salient = _ascends_salience(known, shown)
    entries = _foregrounds(known, shown)
    said = (foreground_sentence(entry["masks"], entry["saliency"] if salient else None) for entry in entries)
    return list(dict.fromkeys(said))


def limited_selections(known: Known, kind: Kind, name: str) -> list[str]:
    """The files of selections with limits of the foreground that the sets an exhibit shows are made on."""
    lookup, sets = known.lookup, _shown(known, kind, name).sets
    chosen = {lookup.selection_of(attack, source) for attack, source in sets}
    limited = [one for one in sorted(chosen) if "foreground" in lookup.named("selections", one.partition("-")[0])]
    return [known.paths.of("select", "selection", dataset=lookup.dataset_of(name), selection=one) for one in limited]


def _shown(known: Known, kind: Kind, name: str) -> Shown:
    return _of_table(known, name) if kind == "table" else _of_figure(known, name)


def _by_name(pairs: Named) -> dict[str, list[Body]]:
    bodies: dict[str, list[Body]] = {}
    for name, body in pairs:
        bodies.setdefault(name, []).append(body)
    return bodies


# What is shown ---------------------------------------------------------------------------------------------------


def _of_table(known: Known, table: str) -> Shown:
    return _of_cells(known, table, known.lookup.cells(table))


def _of_cells(known: Known, table: str, cells: Iterable[Cell]) -> Shown:
    """What cells of a table name. Of a suite only the attacks that stand in a cell are shown."""
    lookup, shown = known.lookup, Shown(roles=[known.lookup.tables[table][1]["dataset"]])
    for cell in cells:
        shown.models |= {one for name in (cell.model, cell.source) if name for one in lookup.exhibits.members(name)}
        if cell.attack != "none":
            attack = lookup.exhibits.codes(cell.suite)[cell.attack]
            shown.attacks.add(attack)
            shown.sets.add((attack, cell.source))
        shown.defenses |= {cell.defense} if cell.defense else set()
        shown.foreground |= cell.metric in (*GRADIENT_METRICS, *SCORES)
        if cell.metric in SCORES:
            shown.saliency.append(lookup.foreground(lookup.dataset_of(table))[SCORES[cell.metric]])
    return shown


def _of_figure(known: Known, figure: str) -> Shown:
    """What a figure draws of its table's cells; of one without a table, what it is drawn from."""
    body = known.lookup.figures[figure][1]
    if "table" not in body:
        return _drawn(known, figure, body)
    cells = known.lookup.cells(body["table"])
    if "attack" in body:  # one of the table's
        code = known.lookup.exhibits.names_in(known.lookup.tables[body["table"]][1])[body["attack"]]
        cells = tuple(cell for cell in cells if cell.attack in (code, "none"))
    return _of_cells(known, body["table"], cells)


def _drawn(known: Known, figure: str, body: Body) -> Shown:
    """By the figure's files, and by the networks and the saliency model that its plot builds."""
    dataset, members = known.lookup.dataset_of(figure), known.lookup.exhibits.members
    settings, files = settings_of(known, body, dataset), files_of(known, body, dataset)
    named = [body[key] for key in ("model",) if key in body] + [*body.get("models", [])]
    shown = Shown(roles=roles_of(body), defenses={body[key] for key in ("defense",) if key in body})
    for path in (path for paths in files.values() for path in paths):
        place = known.paths.parse(path)
        of = place.wildcards
        named += [of[key].partition("--")[0] for key in ("model", "source", "target") if key in of]
        shown.attacks |= {of["attack"]} if "attack" in of else set()
        shown.sets |= {(of["attack"], of["source"])} if {"attack", "source"} <= of.keys() else set()
        shown.foreground |= place.stage == "foreground"
    shown.models = {member for name in named if name != NO_SOURCE for member in members(name)}
    shown.saliency += [settings["saliency"]] if "saliency" in settings else []
    return shown


# What follows from it --------------------------------------------------------------------------------------------


def _of_networks(known: Known, shown: Shown) -> dict[str, Named]:
    """Trainings, masks and the width; a network of the user's own has none of them."""
    trained = [model for model in sorted(shown.models) if parse_model(model).training != OWN]
    specs = [parse_model(model) for model in trained]
    width = known.lookup.config.settings["width"]
    return {
        "training": [(parse_model(model).training, known.networks.training_of(model)) for model in trained],
        "mask": [(f"{place}{keep}", {}) for spec in specs for place, keep in spec.keep if place != "dc"],
        WIDTH: [(WIDTH, {WIDTH: width})] if any(spec.arch not in PACKAGED for spec in specs) else [],
    }


def _of_attacks(known: Known, shown: Shown) -> dict[str, Named]:
    """Attacks and their methods, once for every budget."""
    budgets = [(name, body) for name in sorted(shown.attacks) for body in _budgets(known, name)]
    return {"attack": budgets, "method": [(body["method"], body) for _, body in budgets]}


def _budgets(known: Known, attack: str) -> Iterator[Body]:
    body = known.lookup.attack(attack)
    shared = {key: body[key] for key in OF_ATTACKS if key in body}
    return ({**shared, **budget} for budget in body["budgets"])


def _of_foreground(known: Known, shown: Shown) -> dict[str, Named]:
    """How the foreground is found, where one is looked at, and every saliency model: for it, in attacks, in scores."""
    foregrounds = _foregrounds(known, shown)
    masks = [entry["masks"] for entry in foregrounds] if _looks_at_foreground(known, shown) else []
    ascended = [entry["saliency"] for entry in foregrounds] if _ascends_salience(known, shown) else []
    models = [*shown.saliency, *ascended, *(one["model"] for one in masks if "model" in one)]
    return {
        "foreground": [(one["kind"], one) for one in masks],
        "saliency": [(one["kind"], one) for one in models],
    }


def _foregrounds(known: Known, shown: Shown) -> list[Body]:
    """The foregrounds of the datasets that have one."""
    entries = [known.lookup.config.datasets[known.lookup.role(role)].get("foreground") for role in shown.roles]
    return [entry for entry in entries if entry]


def _looks_at_foreground(known: Known, shown: Shown) -> bool:
    """By itself, or by an attack on regions, which a network may be trained on too."""
    methods = [known.lookup.attack(attack)["method"] for attack in shown.attacks]
    trained = [known.networks.training_of(model).get("attack", {}).get("method") for model in shown.models]
    return shown.foreground or any(name in METHODS and METHODS[name].foreground for name in [*methods, *trained])


def _ascends_salience(known: Known, shown: Shown) -> bool:
    bodies = [known.lookup.attack(attack) for attack in shown.attacks]
    return any(budget.get("weight") for body in bodies for budget in body["budgets"])
