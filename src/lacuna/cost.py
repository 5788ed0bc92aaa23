"""What a run will cost: hours of training, attacking and certifying, memory and disk. No torch here.

``python -m lacuna.cost [--scale paper]`` prints it for every table.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any

from lacuna.config.load import load, read_yaml
from lacuna.errors import LacunaError
from lacuna.files.artefacts import provenance_path
from lacuna.language.codes import NO_SOURCE
from lacuna.language.models import OWN, parse_model
from lacuna.plan.plan import Plan

# Parameters at full width (tests/models/test_models.py counts them); a width w multiplies them by about its square.
PARAMETERS = {
    "resnet18": 11_173_962,
    "resnet34": 21_282_122,
    "resnet50": 23_520_842,
    "densenet121": 6_956_298,
    "senet18": 11_260_354,
    "vgg19": 20_040_522,
    "wrn32": 7_400_026,
}
# Gigabytes of the machine's memory that a job asks for in slurm/profile.yaml; attacks on large images ask for more.
TRAINING, OTHERS = 12, 8


@dataclass
class Cost:
    """Sums over artefacts that do not exist yet; ``memory`` is what the largest of their jobs asks for, in GB."""

    trainings: int = 0
    attacks: int = 0
    seconds: float = 0
    bytes: float = 0
    memory: float = 0

    def __str__(self) -> str:
        """One sentence; hours are of one device, as the scale's throughput assumes it."""
        if not self.trainings + self.attacks:
            return "Cost: the files of every training and attack are there."
        what = f"the files of {self.trainings} trainings and {self.attacks} attacks are not there yet"
        return (
            f"Cost: {what}: about {self.seconds / 3600:.1f} hours on one device and {self.bytes / 1e9:.2f} GB of disk."
        )


def estimate(plan: Plan, exhibits: Iterable[str], whole: bool = False) -> Cost:
    """Cost of what these exhibits still need, or of the ``whole``; an artefact that several share counts once."""
    cost = Cost()
    for artefact in plan.artefacts(*exhibits):
        _, _, dataset, _, name = artefact.path.split("/", 4)
        if artefact.path.endswith(".history.csv") or (Path(artefact.path).exists() and not whole):
            continue
        if artefact.stage in ("dataset", "foreground"):
            cost.bytes += _split_bytes(plan.config.datasets[dataset], artefact.stage, name.removesuffix(".safetensors"))
        if artefact.stage == "train":
            _add_training(plan, cost, dataset, name.removesuffix(".safetensors"))
        if artefact.stage == "evaluate":
            cost.seconds += evaluate_seconds(plan, dataset, *name.removesuffix(".parquet").split("/"))
        if artefact.stage == "attack":
            _add_attack(plan, cost, dataset, *name.removesuffix(".safetensors").split("/"))
    return cost


def _split_bytes(data: Mapping[str, Any], stage: str, split: str) -> int:
    """Images of one byte per value with labels of eight, or foregrounds of one byte per pixel with shares of four."""
    image = data["image"] if stage == "dataset" else data["image"][1:]
    return int(data[split] * (prod(image) + (8 if stage == "dataset" else 4)))


def _add_training(plan: Plan, cost: Cost, dataset: str, model: str) -> None:
    spec = parse_model(model)
    if spec.training == OWN:
        return
    cost.trainings += 1
    cost.seconds += plan.seconds(dataset, model)
    cost.bytes += 4 * PARAMETERS[spec.arch] * float(Fraction(plan.config.settings["width"])) ** 2
    cost.memory = max(cost.memory, TRAINING)


def _add_attack(plan: Plan, cost: Cost, dataset: str, attack: str, source: str) -> None:
    cost.attacks += 1
    cost.bytes += _budget_bytes(plan, dataset, attack) * len(plan.attack(attack)["budgets"])
    cost.seconds += attack_seconds(plan, dataset, attack, source)
    cost.memory = max(cost.memory, attack_memory(plan, dataset, attack))


def _budget_bytes(plan: Plan, dataset: str, attack: str) -> int:
    """The images that an attack makes for each of its budgets."""
    images = plan.config.settings["images"][plan.attack(attack)["selection"]]
    return int(images * prod(plan.config.datasets[dataset]["image"]))


def attack_memory(plan: Plan, dataset: str, attack: str) -> float:
    """GB of the machine's memory for an attack: what any job needs, the clean images, and the set, which is made in it.

    Keeping the state takes up to four times the images of one budget for a moment, writing the set twice those of all.
    """
    return OTHERS + (1 + max(4, 2 * len(plan.attack(attack)["budgets"]))) * _budget_bytes(plan, dataset, attack) / 1e9


def attack_seconds(plan: Plan, dataset: str, attack: str, source: str) -> float:
    """Expected seconds of an attack's whole grid on one source; 0 without a network, and for one of the user's own.

    A step of an attack costs about what a training step costs, per image and network.
    """
    body = plan.attack(attack)
    images = plan.config.settings["images"][body["selection"]]
    passes = images * sum(_passes(budget) for budget in body["budgets"])
    return passes * (0 if source == NO_SOURCE else _pass_seconds(plan, dataset, source))


def _pass_seconds(plan: Plan, dataset: str, target: str) -> float:
    """Of all members of a source or target, those of the user's own for nothing."""
    known = (member for member in plan.exhibits.members(target) if parse_model(member).training != OWN)
    return sum(plan.pass_seconds(dataset, member) for member in known)


def evaluate_seconds(plan: Plan, dataset: str, suite: str, target: str) -> float:
    """Expected seconds of evaluating a smoothed target, on the clean images and each of its sets; 0 for others.

    A pass without gradient takes about a third of a training step. What is only decided stops early: of the copies
    of an image in an attack's set two thirds are counted.
    """
    model, defended, _ = target.partition("--")
    body = json.loads(plan.evaluate_settings(dataset, suite, target))["defense"] if defended else {}
    if "smoothing" not in body:
        return 0
    draws = sum(body["smoothing"][key] for key in ("n0", "n"))
    attacks = [plan.attack(attack) for attack, _ in plan.suite_sources(suite, target)]
    counts = [(plan.config.settings["images"][body["selection"]], len(body["budgets"])) for body in attacks]
    images = max(count for count, _ in counts) + sum(count * budgets for count, budgets in counts) * 2 / 3
    return images * draws * _pass_seconds(plan, dataset, model) / 3


def _passes(budget: Mapping[str, Any]) -> int:
    """Passes through the network per image; a query without gradient counts like one with it."""
    searched = budget.get("binary_search_steps", 1) * budget.get("restarts", 1) * budget.get("targets", 1)
    return int(budget.get("queries", budget.get("steps", 1)) * searched)


def measured(plan: Plan) -> float | None:
    """How long the trainings took that were made here, as a multiple of what the plan expects; else None.

    A training that was killed counts from its last start only, so that this is a lower bound.
    """
    took, said = 0.0, 0.0
    for artefact in plan.artefacts():
        if artefact.stage == "train" and artefact.path.endswith(".safetensors"):
            with suppress(OSError, ValueError, KeyError, TypeError):  # not made, or its record is damaged
                took += float(json.loads(provenance_path(artefact.path).read_text())["volatile"]["seconds"])
                said += plan.seconds(artefact.path.split("/")[2], Path(artefact.path).stem)
    return took / said if said else None


def table(plan: Plan) -> list[str]:
    """Lines of text: what each table costs by itself, what of it is missing here, and all of them together."""
    factor = measured(plan)
    lines = [
        f"{'':24}{'dataset':22}{'trainings':>10}{'attacks':>9}{'hours':>9}{'memory':>8}{'disk':>8}{'missing hours':>15}"
    ]
    for name in plan.tables:
        lines.append(_line(name, plan.dataset_of(name), estimate(plan, [name], True), estimate(plan, [name])))
    lines.append(_line("all, what is shared once", "", estimate(plan, plan.tables, True), estimate(plan, plan.tables)))
    source = f"throughput in config/scales/{plan.config.scale}.yaml"
    known = f"trainings made here took {factor:.2f} times as long" if factor else "no training was made here to compare"
    units = "memory in GB, of the largest job; disk in GB, with datasets and masks"
    return [*lines, f"Hours of one device, by {source}; {units}; {known}."]


def _line(name: str, dataset: str, whole: Cost, missing: Cost) -> str:
    counts = f"{whole.trainings:>10}{whole.attacks:>9}{whole.seconds / 3600:>9.1f}"
    sizes = f"{whole.memory:>8.0f}{whole.bytes / 1e9:>8.1f}"
    return f"{name:24}{dataset:22}{counts}{sizes}{missing.seconds / 3600:>15.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m lacuna.cost")
    parser.add_argument("--scale", help="one of config/scales (default: that of config/config.yaml)")
    try:
        chosen = read_yaml(Path("config/config.yaml"), Path())
        scale = parser.parse_args().scale or chosen["scale"]
        print("\n".join(table(Plan(load(Path.cwd(), chosen | {"scale": scale})))))
    except LacunaError as error:
        sys.exit(f"error: {error}")
