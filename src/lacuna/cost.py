"""What a run will cost: hours of training and attacking, and disk, for what is missing. No torch here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any

from lacuna.names import OWN, parse_model
from lacuna.plan import Plan

# Parameters at full width (tests/test_models.py counts them); a width w multiplies them by about its square.
PARAMETERS = {
    "resnet18": 11_173_962,
    "resnet50": 23_520_842,
    "densenet121": 6_956_298,
    "senet18": 11_260_354,
    "vgg19": 20_040_522,
    "wrn32": 7_400_026,
}


@dataclass
class Cost:
    """Sums over artefacts that do not exist yet."""

    trainings: int = 0
    attacks: int = 0
    seconds: float = 0
    bytes: float = 0

    def __str__(self) -> str:
        """One sentence; hours are of one device, as the scale's cost table assumes it."""
        if not self.trainings + self.attacks:
            return "Cost: the files of every training and attack are there."
        what = f"the files of {self.trainings} trainings and {self.attacks} attacks are not there yet"
        return (
            f"Cost: {what}: about {self.seconds / 3600:.1f} hours on one device and {self.bytes / 1e9:.2f} GB of disk."
        )


def estimate(plan: Plan, tables: Iterable[str]) -> Cost:
    """Cost of what these tables still need; an artefact that several tables share counts once."""
    cost = Cost()
    trainings, attacks = set[tuple[str, str]](), set[tuple[str, str, str]]()
    for table in tables:
        dataset = plan.dataset_of(table)
        met = {(cell.suite, cell.target) for cell in plan.cells(table)}
        sets = {pair for suite, target in met for pair in plan.suite_sources(suite, target)}
        deciding = {model for pair in sets for model in plan.selection_sources(plan.selection_of(*pair))}
        models = {cell.model for cell in plan.cells(table)} | {source for _, source in sets} | deciding
        for folder in plan.replicas(dataset):
            attacks |= {(folder, *pair) for pair in sets}
            trainings |= {(folder, member) for model in models for member in plan.exhibits.members(model)}
    for dataset, model in sorted(trainings):
        if not Path(plan.path(dataset, "train", f"{model}.safetensors")).exists():
            _add_training(plan, cost, model)
    for dataset, attack, source in sorted(attacks):
        if not Path(plan.path(dataset, "attack", f"{attack}/{source}.safetensors")).exists():
            _add_attack(plan, cost, dataset, attack, source)
    return cost


def _add_training(plan: Plan, cost: Cost, model: str) -> None:
    spec = parse_model(model)
    if spec.training == OWN:
        return
    cost.trainings += 1
    cost.seconds += plan.seconds(model)
    cost.bytes += 4 * PARAMETERS[spec.arch] * float(Fraction(plan.config.settings["width"])) ** 2


def _add_attack(plan: Plan, cost: Cost, dataset: str, attack: str, source: str) -> None:
    """A step of an attack costs about what a training step costs, per image and network."""
    body, data = plan.attack(attack), plan.config.datasets[dataset]
    images = plan.config.settings["images"][body["selection"]]
    cost.attacks += 1
    cost.bytes += images * prod(data["image"]) * len(body["budgets"])
    passes = images * sum(_passes(budget) for budget in body["budgets"])
    for member in plan.exhibits.members(source):
        if (spec := parse_model(member)).training != OWN:
            seconds = plan.config.settings["seconds"][spec.arch]
            cost.seconds += seconds * passes / (plan.epochs(dataset, member) * data["train"])


def _passes(budget: Mapping[str, Any]) -> int:
    """Passes through the network per image; a query without gradient counts like one with it."""
    searched = budget.get("binary_search_steps", 1) * budget.get("restarts", 1)
    return int(budget.get("queries", budget.get("steps", 1)) * searched)
