"""What an exhibit consists of: networks, attacks with their budgets, images, datasets and stand-ins. No torch here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lacuna.cost import Cost, cost_of
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Artefact
from lacuna.reporting.plots import roles_of

# What plays the part of something that is not published, or that the paper's own data would be needed for.
STAND_INS = {
    "spectral_residual": "DeepGaze (saliency)",
    "centre_surround": "a saliency model that the attack does not use",
    "stylised": "Stylized-ImageNet",
}
SIZES = ("epsilon", "epsilon_l2", "epsilon_foreground", "epsilon_background", "bound", "kappa", "kappa_rel", "sigma")


@dataclass
class Part:
    """A network, or an attack on all of its sources: its files, and what they cost together.

    ``facts`` are what is said of it, by name.
    """

    name: str
    artefacts: list[Artefact] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def there(self) -> int:
        """How many of its files are there."""
        return sum(Path(artefact.path).is_file() for artefact in self.artefacts)


@dataclass(frozen=True)
class Contents:
    """All that exhibits of one name consist of.

    ``datasets`` have the roles of the papers that each plays, ``stand_ins`` what each takes the place of.
    """

    artefacts: list[Artefact]
    networks: list[Part]
    attacks: list[Part]
    datasets: Mapping[str, list[str]]
    stand_ins: Mapping[str, str]


def contents_of(plan: Plan, name: str) -> Contents:
    """What the table and the figure of this name consist of."""
    artefacts = plan.inventory.artefacts(name)
    networks, attacks = _networks(plan, artefacts), _attacks(plan, artefacts)
    datasets = _datasets(plan, name, artefacts)
    return Contents(artefacts, networks, attacks, datasets, _stand_ins(datasets, attacks, artefacts))


def summaries(plan: Plan, names: Iterable[str]) -> list[str]:
    """One line for each exhibit: datasets, networks, attacks with the size of their budgets, stand-ins."""
    return [_summary(name, contents_of(plan, name)) for name in names]


def _summary(name: str, contents: Contents) -> str:
    attacks = [f"{part.name} ({magnitudes(part)}; {part.facts['images']} images)" for part in contents.attacks]
    stand_ins = [f"{one} in place of {what}" for one, what in contents.stand_ins.items()]
    parts = {
        "datasets": ", ".join(contents.datasets) or "none",
        "networks": str(len(contents.networks)),
        "attacks": ", ".join(attacks) or "none",
        "stand-ins": ", ".join(stand_ins) or "none",
    }
    return f"{name}: " + "; ".join(f"{key}: {value}" for key, value in parts.items())


def part_cost(plan: Plan, part: Part) -> Cost:
    """What the whole of a part costs."""
    return cost_of(plan, part.artefacts, True)


def magnitudes(part: Part) -> str:
    """The size of an attack's budgets, ``epsilon 8/255, 16/255``; their codes where they have no size."""
    budgets = part.facts["budgets"]
    sizes = {key: [str(one[key]) for one in budgets.values() if key in one] for key in SIZES}
    said = [f"{key} {', '.join(dict.fromkeys(values))}" for key, values in sizes.items() if values]
    return "; ".join(said) or ", ".join(budgets)


def _networks(plan: Plan, artefacts: Iterable[Artefact]) -> list[Part]:
    """The networks that are trained or brought, with the part that each plays."""
    found: dict[str, Part] = {}
    attacked, tried = _played(plan, artefacts, "attack", "source"), _played(plan, artefacts, "evaluate", "target")
    for artefact in artefacts:
        if artefact.output == "checkpoint":
            model, dataset = artefact.wildcards["model"], artefact.wildcards["dataset"]
            roles = [role for role, names in (("source", attacked), ("target", tried)) if model in names]
            facts = {"plays": " and ".join(roles) or "selects images", "epochs": _epochs(plan, dataset, artefact)}
            found.setdefault(model, Part(model, [], facts)).artefacts.append(artefact)
    return list(found.values())


def _epochs(plan: Plan, dataset: str, artefact: Artefact) -> int | None:
    """Epochs of a training; None for a network of the user's own."""
    return plan.networks.epochs(dataset, artefact.wildcards["model"]) if artefact.stage == "train" else None


def _played(plan: Plan, artefacts: Iterable[Artefact], stage: str, wildcard: str) -> set[str]:
    """The networks behind a wildcard of a stage's artefacts."""
    named = {artefact.wildcards[wildcard].partition("--")[0] for artefact in artefacts if artefact.stage == stage}
    return {member for name in named for member in plan.lookup.exhibits.members(name)}


def _attacks(plan: Plan, artefacts: Iterable[Artefact]) -> list[Part]:
    """The attacks, each with its method, its budgets by their codes, its number of images, and its sources."""
    found: dict[str, Part] = {}
    for artefact in artefacts:
        if artefact.stage == "attack":
            name = artefact.wildcards["attack"]
            part = found.setdefault(name, Part(name, [], _attack_facts(plan, name)))
            part.artefacts.append(artefact)
            part.facts["sources"].append(artefact.wildcards["source"])
    return list(found.values())


def _attack_facts(plan: Plan, name: str) -> dict[str, Any]:
    body = plan.lookup.attack(name)
    images = plan.config.settings["images"][body["selection"]]
    budgets = dict(zip(plan.lookup.codes(name), body["budgets"], strict=True))
    return {"method": body["method"], "images": images, "budgets": budgets, "sources": []}


def _datasets(plan: Plan, name: str, artefacts: Iterable[Artefact]) -> dict[str, list[str]]:
    """Each dataset that is read, with the roles that it plays in the exhibits of this name."""
    roles: list[str] = []
    if name in plan.lookup.tables:
        roles.append(plan.lookup.tables[name][1]["dataset"])
    if name in plan.lookup.figures:
        body = plan.lookup.figures[name][1]
        roles += [plan.lookup.tables[body["table"]][1]["dataset"]] if "table" in body else roles_of(body)
    folders = (artefact.wildcards["dataset"] for artefact in artefacts if artefact.stage == "dataset")
    used = dict.fromkeys(plan.lookup.seeds[folder].dataset for folder in folders)
    return {dataset: [role for role in dict.fromkeys(roles) if plan.lookup.role(role) == dataset] for dataset in used}


def _stand_ins(
    datasets: Mapping[str, list[str]], attacks: Iterable[Part], artefacts: Iterable[Artefact]
) -> dict[str, str]:
    """What takes the place of something else, by its name: datasets, saliency models, attacks."""
    played = {dataset: [role for role in roles if role != dataset] for dataset, roles in datasets.items()}
    found = {dataset: ", ".join(roles) for dataset, roles in played.items() if roles}
    methods = {attack.facts["method"] for attack in attacks}
    settings = "".join(one.settings for one in artefacts if one.stage in ("attack", "measure", "foreground"))
    used = {name for name in STAND_INS if name in methods or f'"kind":"{name}"' in settings}
    return found | {name: STAND_INS[name] for name in STAND_INS if name in used}
