"""Budgets of every attack method: what is accepted, what is refused in one sentence, and where the schema says it."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from refusing import BUDGET, DEFECTIVE, refusal

from lacuna.config.schema import complete
from lacuna.language.attacks import METHODS

if TYPE_CHECKING:
    from projects import Project

PGD = {"epsilon": "8/255", "step": "2/255", "steps": 7}
CW = {"steps": 100, "binary_search_steps": 9, "learning_rate": 0.01, "initial_const": 0.001}
WALK = {"steps": 1000, "spherical_step": 0.01, "source_step": 0.01, "step_adaptation": 1.5}
DUAL = {"epsilon_foreground": "4/255", "epsilon_background": "20/255", "weight": 1, "steps": 20}
DUAL_L2 = DUAL | {"epsilon_foreground": 2, "epsilon_background": 20.5}
DROP = {"variant": "paper", "bound": 20, "steps": 50}
ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("fgsm", {"epsilon": "8/255"}),
    ("pgd", PGD | {"random_start": True, "restarts": 5}),
    ("pgd", PGD | {"random_start": False, "restarts": 1}),
    ("mifgsm", PGD),
    ("mifgsm", PGD | {"decay": 0.9}),
    ("apgd_ce", {"epsilon": "8/255", "steps": 100, "restarts": 5}),
    ("apgd_t", {"epsilon": "8/255", "steps": 100, "targets": 9}),
    ("cw", CW | {"kappa": 40}),
    ("cw", CW | {"kappa_rel": 0.5}),
    ("boundary", WALK),
    ("square", {"epsilon": "8/255", "queries": 500}),
    ("lspga", {"epsilon": "8/255", "steps": 7, "logit_step": 1}),
    ("dual", DUAL),
    ("dual", DUAL | {"epsilon_background": "0", "weight": 0, "swapped": True, "restarts": 5, "step_scale": 1.5}),
    ("dual_l2", DUAL_L2),
    ("dual_l2", DUAL_L2 | {"epsilon_background": 0, "reference": 150528, "noise": 0.25, "samples": 4}),
    ("dual_l2", DUAL_L2 | {"swapped": True, "equal_density": True}),
    ("pgd_l2", {"epsilon_l2": 2, "steps": 100, "restarts": 2}),
    ("jsma", {"gamma": 0.05}),
    ("jsma", {"gamma": 1, "theta": 0.5}),
    ("advdrop", DROP),
    ("advdrop", DROP | {"variant": "released_code", "table_step": 0.5, "targeted": True, "rounding": "hard"}),
    ("advdrop", DROP | {"success": "eight_bit"}),
    ("advdrop", DROP | {"success": "never", "targeted": True, "aim": "least_likely"}),
    ("advdrop", DROP | {"steps": 1, "tables": "uniform"}),
    ("advdrop", DROP | {"tables": "permuted"}),
    ("pgd", PGD | {"until_fooled": True}),
    ("gaussian", {"sigma": "8/255"}),
    ("shuffle", {"k": 4}),
    ("shuffle", {"k": 8, "pad": True}),
    ("stylised", {}),
    ("folder", {"name": "styled", "path": "data/styled", "resize": "exact"}),
]
FILES = {"kind": "folder", "path": "data/mine", "train": "train", "test": "test", "resize": "exact"}
# A budget, the key that the sentence names, what it says is allowed.
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("pgd", PGD | {"sigma": "8/255"}, BUDGET, "pgd takes epsilon, step, steps, random_start (optional)"),
    ("pgd", PGD | {"random_start": 1}, f"{BUDGET}.random_start", "true or false"),
    ("pgd", PGD | {"restarts": 3}, f"{BUDGET}.random_start", "all restarts are the same"),
    ("pgd", PGD | {"restarts": 0, "random_start": True}, f"{BUDGET}.restarts", "an integer of at least 1"),
    ("fgsm", {}, BUDGET, "has nothing; fgsm takes epsilon"),
    ("apgd_ce", {"epsilon": "8/255", "steps": 9, "targets": 9}, BUDGET, "apgd_ce takes epsilon, steps, restarts (opti"),
    ("apgd_t", {"epsilon": "8/255", "steps": 9, "targets": 0}, f"{BUDGET}.targets", "an integer of at least 1"),
    ("mifgsm", PGD | {"decay": -0.1}, f"{BUDGET}.decay", "a number of at least 0"),
    ("cw", CW, BUDGET, "cw takes steps, binary_search_steps, learning_rate, initial_const, kappa or kappa_rel"),
    ("cw", CW | {"kappa": 4, "kappa_rel": 0.5}, BUDGET, "kappa or kappa_rel"),
    ("cw", CW | {"kappa_rel": 0}, f"{BUDGET}.kappa_rel", "a number above 0"),
    ("cw", CW | {"kappa": -1}, f"{BUDGET}.kappa", "a number of at least 0"),
    ("boundary", {"steps": 5}, BUDGET, "boundary takes steps, spherical_step, source_step, step_adaptation"),
    ("boundary", WALK | {"step_adaptation": 1}, f"{BUDGET}.step_adaptation", "a number above 1"),
    ("square", {"epsilon": "8/255", "queries": 0}, f"{BUDGET}.queries", "an integer of at least 1"),
    ("advdrop", {"bound": 20, "steps": 50}, BUDGET, "advdrop takes variant, bound, steps, table_step (optional)"),
    ("advdrop", DROP | {"variant": "code"}, f"{BUDGET}.variant", "paper, released_code"),
    ("advdrop", DROP | {"variant": "released_code", "bound": 4}, f"{BUDGET}.bound", "a number of at least 5"),
    ("advdrop", DROP | {"bound": 0}, f"{BUDGET}.bound", "a number above 0"),
    ("advdrop", DROP | {"epsilon": "8/255"}, BUDGET, "advdrop takes"),
    ("gaussian", {"sigma": "0"}, f"{BUDGET}.sigma", "above 0"),
    ("gaussian", {"sigma": 0.1}, f"{BUDGET}.sigma", "a fraction of the pixel range"),
    ("shuffle", {"k": 1}, f"{BUDGET}.k", "an integer of at least 2"),
    ("shuffle", {"k": 8}, f"{BUDGET}.k", "a divisor of 28"),
    (
        "dual",
        DUAL | {"epsilon_foreground": 2},
        f"{BUDGET}.epsilon_foreground",
        "a fraction of the pixel range in quotes",
    ),
    ("dual", DUAL | {"epsilon_foreground": "300/255"}, f"{BUDGET}.epsilon_foreground", "a fraction of the pixel range"),
    ("dual", DUAL | {"reference": 784}, BUDGET, "dual takes epsilon_foreground, epsilon_background, weight, steps"),
    ("dual", DUAL | {"weight": -1}, f"{BUDGET}.weight", "a number of at least 0"),
    ("dual_l2", DUAL_L2 | {"epsilon_background": "20/255"}, f"{BUDGET}.epsilon_background", "an l2 length"),
    ("dual_l2", DUAL_L2 | {"epsilon_background": -1}, f"{BUDGET}.epsilon_background", "an l2 length of at least 0"),
    ("pgd_l2", {"epsilon_l2": "2", "steps": 3}, f"{BUDGET}.epsilon_l2", "a number above 0"),
    ("pgd_l2", {"steps": 3}, BUDGET, "pgd_l2 takes epsilon_l2, steps, restarts (optional)"),
    ("jsma", {"gamma": 0}, f"{BUDGET}.gamma", "a number in (0, 1]"),
    ("stylised", {"k": 8}, BUDGET, "stylised takes nothing"),
    ("folder", {"path": "data/styled"}, BUDGET, "folder takes name, path, resize"),
]


@pytest.fixture
def project(table3: "Project") -> "Project":
    """Table 3 alone, where another attack breaks nothing else."""
    return table3


def attack(method: str, budget: dict[str, Any]) -> Callable[[Any], None]:
    """Puts another method with one budget in the place of PGD, on a source that it can attack.

    That is ``none`` where it needs no network, and an encoded network for a method that ascends levels.
    """
    only = {"lspga": "resnet18-th16-s0"}.get(method, "" if METHODS[method].network else "none")

    def change(content: Any) -> None:
        content["attacks"]["pgd16"] |= {"method": method, "budgets": [budget]}
        if only:
            content["suites"]["pgd16"]["sources"] = [only]
            column, accuracy = (content["tables"]["table3"]["columns"][i] for i in (0, -1))
            content["tables"]["table3"]["columns"] = [column | {"source": only}, accuracy]

    return change


@pytest.mark.parametrize(("method", "budget"), ACCEPTED)
def test_every_method_has_budgets_that_are_accepted(project: "Project", method: str, budget: dict[str, Any]) -> None:
    project.edit(DEFECTIVE, attack(method, budget))
    if method == "folder":  # finds images by their files' names
        project.edit("config/datasets.yaml", lambda content: content["fashion-mnist-subset"].update(source=FILES))
    assert project.load().papers["defective"]["attacks"]["pgd16"]["budgets"] == [budget]


@pytest.mark.parametrize(("method", "budget", "key", "allowed"), REFUSED)
def test_an_impossible_budget_is_refused(
    project: "Project", method: str, budget: dict[str, Any], key: str, allowed: str
) -> None:
    project.edit(DEFECTIVE, attack(method, budget))
    sentence = refusal(project)
    assert f"key {key}" in sentence
    assert allowed in sentence


def test_every_method_has_a_budget_here_and_may_be_named() -> None:
    schema = complete({"declared": "methods"})["properties"]["method"]
    assert {method for method, _ in ACCEPTED} == METHODS.keys()
    for method in METHODS:
        assert re.fullmatch(schema["pattern"], method)
        assert method in schema["description"]
    assert not re.fullmatch(schema["pattern"], "nosuch")
