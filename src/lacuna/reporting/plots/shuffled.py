"""One image and its shuffles, with what networks see in them (Defective CNN, Figure 2)."""

from typing import TYPE_CHECKING

from lacuna.language.codes import NO_SOURCE
from lacuna.reporting.plots.core.keys import ATTACK_NAME, DATASET, MODELS, text
from lacuna.reporting.plots.core.plot import Files, Key, Plot, Settings

if TYPE_CHECKING:
    from lacuna.config.figures import Entry
    from lacuna.plan.figures import FigurePlan


def _check_suite(entry: "Entry") -> None:
    """Its sets are made without a network, on enough images that their patches divide."""
    suites = entry.content["suites"]
    without = [name for name, suite in suites.items() if NO_SOURCE in suite["sources"]]
    entry.check_name("suite", entry.body["suite"], without)
    for attack in suites[entry.body["suite"]]["attacks"]:
        entry.check_set(attack)


def _check_attack(entry: "Entry") -> None:
    there, attacks = entry.content["suites"][entry.body["suite"]]["attacks"], entry.content["attacks"]
    entry.check_name("attack", entry.body["attack"], [name for name in there if attacks[name]["method"] == "shuffle"])


def _files(plan: "FigurePlan") -> Files:
    body = plan.body
    return {
        "images": plan.images(),
        "adversarial": [plan.adversarial_set(body["attack"], NO_SOURCE)],
        "outcomes": [plan.outcomes(body["suite"], model) for model in body["models"]],
    }


def _settings(plan: "FigurePlan") -> Settings:
    shown = {"attacks": plan.codes(plan.body["attack"]), "networks": [*plan.body["models"].values()]}
    return {**plan.base_settings(), "classes": plan.classes(), **shown}


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
