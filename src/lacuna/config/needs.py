"""What tables and figures need of the dataset that plays their role at a scale: a foreground, enough test images."""

from lacuna.config.datasets import images_of
from lacuna.config.parts import Paper
from lacuna.data.own_paths import OWN_KINDS
from lacuna.errors import LacunaError
from lacuna.language.attacks import method_of


def check_foreground(paper: Paper, key: str, role: str) -> None:
    """The dataset that plays the role has a foreground; ``key`` is the exhibit's place in the file."""
    name = paper.settings["datasets"][role]
    if "foreground" not in paper.datasets[name]:
        allowed = "a dataset with the key foreground in config/datasets.yaml"
        raise LacunaError(f"{paper.file}, key {key}.dataset: {name} has no foreground; allowed: {allowed}")


def check_set(paper: Paper, attack: str, role: str) -> None:
    """What an attack needs of a dataset: enough test images, and a size that its patches divide."""
    name = paper.settings["datasets"][role]
    dataset, body = paper.datasets[name], paper.parts["attacks"][attack]
    asked = paper.settings["images"][body["selection"]]
    if asked > dataset["test"]:
        limit = f"at most {dataset['test']}, the test images of {name}"
        where = f"{paper.scale_file}, key images.{body['selection']}"
        raise LacunaError(f"{where}: {asked} is not allowed; allowed: {limit}")
    if "foreground" in paper.parts["selections"][body["selection"]] and "foreground" not in dataset:
        where = f"{paper.joined.homes['selections', body['selection']]}, key selections.{body['selection']}.foreground"
        allowed = "without it, or a dataset with the key foreground in config/datasets.yaml"
        raise LacunaError(f"{where}: {name} has no foreground; allowed: {allowed}")
    method = method_of(body["method"])
    if method.files and dataset["source"]["kind"] not in OWN_KINDS:
        where = f"{paper.origin(attack)}, key attacks.{attack}.method"
        raise LacunaError(
            f"{where}: the images of {name} have no file names; allowed: datasets of kind {' or '.join(OWN_KINDS)}"
        )
    images = images_of(dataset)
    for i, budget in enumerate(body["budgets"]):
        if refused := method.refuse_images(budget, images):
            parameter, allowed = refused
            given = {f"budgets[{i}].{key}": value for key, value in budget.items()} | {"method": body["method"]}
            key = parameter if parameter in given else f"budgets[{i}].{parameter}"
            found = f"{given[key]} is not allowed for the images of {name}"
            raise LacunaError(f"{paper.origin(attack)}, key attacks.{attack}.{key}: {found}; allowed: {allowed}")
