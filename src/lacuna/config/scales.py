"""A scale's file: its roles, its recipes and its width, and what no training could do with them. No torch here."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from lacuna.config.joined import Parts, known
from lacuna.errors import LacunaError
from lacuna.language.models import KNOWN_NETWORKS
from lacuna.language.roles import ROLES

# Every layer has at least 4 channels, the widest of the paper's 512: narrower networks are all the same. The largest
# architecture has 23.5 million parameters at width 1, and 36 times as many at width 6, close to 10^9.
NARROWEST, WIDEST = Fraction(4, 512), 6


def with_roles(file: str, settings: Mapping[str, Any], parts: Parts, datasets: Mapping[str, Any]) -> dict[str, Any]:
    """The scale's settings, with the datasets that papers name for roles of their own where the scale names none.

    Raises `LacunaError` for a role that neither Lacuna nor a paper has, and for a paper's dataset that does not exist.
    """
    own = parts.named["datasets"]
    for role, dataset in own.items():
        known(parts.homes["datasets", role], f"datasets.{role}", dataset, datasets)
    allowed = sorted({*ROLES, *own})
    for role in settings["datasets"]:
        if role not in allowed:
            close = get_close_matches(role, allowed, 1)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise LacunaError(f"{file}: key datasets.{role} is not known{hint}; allowed: {', '.join(allowed)}")
    return {**settings, "datasets": {**own, **settings["datasets"]}}


def check_scale(file: str, settings: Mapping[str, Any], datasets: Mapping[str, Any]) -> None:
    """A scale's file against the datasets: roles, recipes, width and costs."""
    for role, dataset in settings["datasets"].items():
        known(file, f"datasets.{role}", dataset, datasets)
    if not NARROWEST <= Fraction(settings["width"]) <= WIDEST:
        where = f"{file}, key width: '{settings['width']}' is not allowed"
        raise LacunaError(f"{where}; allowed: a fraction above 0, from {NARROWEST} (4 channels everywhere) to {WIDEST}")
    for dataset, recipe in settings["recipes"].items():
        known(file, "recipes", dataset, datasets)
        for arch in recipe.get("epochs_of", {}):
            known(file, f"recipes.{dataset}.epochs_of", arch, KNOWN_NETWORKS)
        for key, value, allowed in _impossible(recipe, datasets[dataset]):
            raise LacunaError(f"{file}, key recipes.{dataset}.{key}: {value} is not allowed; allowed: {allowed}")


Problem = tuple[str, Any, str]  # key, value, what is allowed


def _impossible(recipe: Mapping[str, Any], dataset: Mapping[str, Any]) -> Iterator[Problem]:
    """What of a recipe cannot be done on a dataset."""
    yield from _schedule(recipe)
    yield from _optimiser(recipe)
    yield from _augmentation(recipe, dataset)
    fewest = dataset.get("train_at_least", dataset["train"])
    if recipe["batch_size"] > fewest:
        yield "batch_size", recipe["batch_size"], f"at most {fewest}, the training images"
    if recipe["schedule"]["name"] == "onecycle" and _steps(recipe, fewest) < 2:
        size = f"at most {fewest // 2}, or more epochs"
        yield "batch_size", recipe["batch_size"], f"{size}: onecycle begins at 0, so that a single step changes nothing"


def _augmentation(recipe: Mapping[str, Any], dataset: Mapping[str, Any]) -> Iterator[Problem]:
    how, (channels, side, _) = recipe["augmentation"], dataset["image"]
    if (pad := how.get("pad", 0)) >= side:
        yield "augmentation.pad", pad, f"below {side}, the images' size; beyond it a crop may show nothing of its image"
    if "lighting" in how and channels != 3:
        yield "augmentation.lighting", how["lighting"], f"images of red, green and blue, not of {channels} channels"
    for key, epochs in _epochs(recipe).items():
        if (plain := how.get("plain_epochs", 0)) >= epochs:
            yield "augmentation.plain_epochs", plain, f"below {key} ({epochs})"


def _steps(recipe: Mapping[str, Any], images: int) -> int:
    """Steps of the shortest training; a last batch of one image joins the one before."""
    whole, rest = divmod(images, recipe["batch_size"])
    return min(_epochs(recipe).values()) * max(1, whole + (rest > 1))


def _epochs(recipe: Mapping[str, Any]) -> dict[str, int]:
    """Epochs by the key that states them."""
    return {"epochs": recipe["epochs"]} | {f"epochs_of.{a}": n for a, n in recipe.get("epochs_of", {}).items()}


def _schedule(recipe: Mapping[str, Any]) -> Iterator[Problem]:
    milestones = recipe["schedule"].get("milestones", [])
    for key, epochs in _epochs(recipe).items():
        if milestones != sorted(set(milestones)) or any(epoch >= epochs for epoch in milestones):
            yield "schedule.milestones", milestones, f"epochs in rising order, below {key} ({epochs})"


def _optimiser(recipe: Mapping[str, Any]) -> Iterator[Problem]:
    """SGD's steps: momentum of Nesterov's kind needs some, and weight decay must leave something of a weight."""
    if recipe.get("nesterov") and not recipe["momentum"]:
        yield "nesterov", "true", "false, or a momentum above 0"
    rate, decay = recipe["learning_rate"], recipe["weight_decay"]
    if recipe.get("optimiser") != "adam" and rate * decay >= 1:
        limit = f"below {1 / rate:.6g}, 1 / learning_rate"
        yield "weight_decay", decay, f"{limit}: each step takes away learning_rate * weight_decay of a weight"
