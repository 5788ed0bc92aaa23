"""Networks that are exported for others: which can be asked for, and what is known of them. No torch here.

The folder of a network is below exports/, or below exports/<dataset>/ where tables train it on several datasets.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lacuna.errors import LacunaError
from lacuna.language.models import ENSEMBLE, OWN, PACKAGED, parse_model
from lacuna.plan.plan import Plan
from lacuna.plan.published import note_path
from lacuna.plan.stage import canonical

FOLDER = "exports"
PLACES = {"publish_network": f"{FOLDER}/{{model}}", "publish_network_of": f"{FOLDER}/{{dataset}}/{{model}}"}  # by rule
KIND = "export"  # of the notes of what was written there
NAMES = ("README.md", "config.json", "load.py", "model.onnx", "model.safetensors", "model_info.json", "network.py")
REGISTRY = Path("data/registry.csv")
EMBEDDED = "MIT"  # of the images in data/embedded, as the licence beside them says
UNKNOWN = "not known to Lacuna; the images are not part of it"


def networks(plan: Plan) -> dict[str, list[str]]:
    """The datasets of this configuration on which exhibits have a network, by the name of the network."""
    found: dict[str, list[str]] = {}
    for artefact in plan.inventory.artefacts():
        if artefact.output == "checkpoint":
            found.setdefault(artefact.wildcards["model"], []).append(artefact.wildcards["dataset"])
    return {model: list(dict.fromkeys(datasets)) for model, datasets in found.items()}


def find_export(plan: Plan, model: str, dataset: str = "") -> tuple[str, str]:
    """Dataset and name of a network that is to be exported.

    Raises `LacunaError` for a name of no network, for what is more than a network, and for a network of several
    datasets without one.
    """
    folder = "/".join(filter(None, (FOLDER, dataset, model)))
    _refuse_more(plan, folder, model)
    spec = parse_model(model, _trainings(plan))
    if spec.training == OWN:
        plan.lookup.named("networks", model)
    if dataset and dataset not in plan.config.datasets:
        raise LacunaError(f"{folder}: there is no dataset '{dataset}'; allowed: {', '.join(plan.config.datasets)}")
    if dataset:
        return dataset, model
    datasets = networks(plan).get(model, [])
    if len(datasets) != 1:
        on = f"on {', '.join(datasets)}" if datasets else "in no table of this scale"
        asked = ", ".join(f"{FOLDER}/{one}/{model}" for one in datasets or list(plan.config.datasets)[:1])
        raise LacunaError(f"{folder}: the network is trained {on}; name the dataset too: {asked}")
    return datasets[0], model


def refuse_unknown_export(plan: Plan, argument: str) -> None:
    """Raises the errors of `find_export` for a path below exports/, and for one of a file in a network's folder."""
    *datasets, model = argument.removeprefix(f"{FOLDER}/").rstrip("/").split("/")
    if model in NAMES or argument.endswith("/"):
        raise LacunaError(f"{argument} is asked for with its folder: `snakemake {argument.rpartition('/')[0]}`")
    find_export(plan, model, "/".join(datasets))


def notes(scale: str, place: str) -> dict[str, str]:
    """The note of a network's folder, and its provenance: logs of the rule that writes it."""
    note = note_path(scale, KIND, note_name(place))
    return {"note": note, "note_provenance": f"{note}.prov.json"}


def note_name(place: str) -> str:
    """What a note calls a folder: its path below exports/ on one level."""
    return place.removeprefix(f"{FOLDER}/").replace("/", "--")


def noted(scale: str) -> dict[str, dict[str, str]]:
    """The files of every folder that has a note at a scale, by the note; they are no copies."""
    folder = Path(note_path(scale, KIND, "")).parent
    found = {}
    for path in sorted(folder.glob(f"*.{KIND}.json")):
        place = f"{FOLDER}/{path.name.removesuffix(f'.{KIND}.json').replace('--', '/')}"
        found[path.as_posix()] = {f"{place}/{name}": "" for name in NAMES}
    return found


def _refuse_more(plan: Plan, folder: str, model: str) -> None:
    """Raises `LacunaError` for a defended network, and for an ensemble."""
    network, _, defense = model.partition("--")
    if defense:
        raise LacunaError(
            f"{folder}: the defense {defense} stands before a network and is no part of it; allowed: {FOLDER}/{network}"
        )
    if model.startswith(ENSEMBLE):
        members = plan.lookup.exhibits.members(model)
        named = f", which are {', '.join(members)}" if members != [model] else ""
        raise LacunaError(
            f"{folder}: an ensemble is exported member by member{named}; allowed: the name of one network"
        )


def _trainings(plan: Plan) -> list[str]:
    return ["standard", *(name for paper in plan.config.papers.values() for name in paper.get("trainings", {}))]


def about(plan: Plan, dataset: str, model: str) -> str:
    """What a model card says besides numbers, as JSON: the network's settings, the dataset, its recipe, licences."""
    entry = plan.config.datasets[dataset]
    weights = PACKAGED.get(parse_model(model).arch)
    own = parse_model(model).training == OWN
    said = {
        "model": model,
        "scale": plan.config.scale,
        "dataset": {
            "name": dataset,
            "title": entry["title"],
            "licence": licence(entry["source"]),
            "test": entry["test"],
        },
        "classes": list(map(str, entry["classes"])) if isinstance(entry["classes"], list) else [],
        "network": plan.networks.settings(dataset, model),
        "training": {} if own else plan.stages["train"].settings(dataset=dataset, model=model),
        "weights": f"{weights.distribution} ({_registered(parse_model(model).arch)})" if weights else "",
    }
    return canonical(said)


def licence(source: Mapping[str, Any]) -> str:
    """The licence of a dataset's images, as data/registry.csv and data/embedded state it."""
    if source["kind"] == "embedded":
        return EMBEDDED
    return _registered(str(source.get("name", ""))) or UNKNOWN


def _registered(name: str) -> str:
    with REGISTRY.open(newline="", encoding="utf-8") as file:
        return next((line["licence"] for line in csv.DictReader(file) if line["dataset"] == name), "")
