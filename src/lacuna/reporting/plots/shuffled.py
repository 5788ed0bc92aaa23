"""One image and its shuffles, with what networks see in them (Defective CNN, Figure 2)."""

from typing import TYPE_CHECKING

from lacuna.language.codes import NO_SOURCE
from lacuna.reporting.plots.core.keys import ATTACK_NAME, DATASET, MODELS, text
from lacuna.reporting.plots.core.plot import Files, Key, Plot, Settings

if TYPE_CHECKING:
    from lacuna.config.figures import Entry
    from lacuna.plan.figures import Planned


def _check_suite(entry: "Entry") -> None:
    """Its sets are made without a network, on enough images that their patches divide."""
    suites = entry.content["suites"]
    entry.known("suite", entry.body["suite"], [name for name, suite in suites.items() if NO_SOURCE in suite["sources"]])
    for attack in suites[entry.body["suite"]]["attacks"]:
        entry.adversarial_set(attack)


def _check_attack(entry: "Entry") -> None:
    there, attacks = entry.content["suites"][entry.body["suite"]]["attacks"], entry.content["attacks"]
    entry.known("attack", entry.body["attack"], [name for name in there if attacks[name]["method"] == "shuffle"])


def _files(planned: "Planned") -> Files:
    body = planned.body
    return {
        "images": planned.images(),
        "adversarial": [planned.adversarial_set(body["attack"], NO_SOURCE)],
        "outcomes": [planned.outcomes(body["suite"], model) for model in body["models"]],
    }


def _settings(planned: "Planned") -> Settings:
    shown = {"attacks": planned.codes(planned.body["attack"]), "networks": [*planned.body["models"].values()]}
    return {**planned.stated(), "classes": planned.classes(), **shown}


PLOT = Plot(
    keys={
        "dataset": DATASET,
        "suite": Key(text("a name under suites"), _check_suite),
        "attack": Key(ATTACK_NAME, _check_attack),
        "models": MODELS,
    },
    files=_files,
    settings=_settings,
)
