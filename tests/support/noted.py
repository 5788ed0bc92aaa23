"""What an exhibit uses, by another way than the plan's: read off the settings of its cells, or off a figure's entry."""

import re
from fractions import Fraction
from typing import Any

from asking import exhibit_settings

from lacuna.language.attacks import attack_code
from lacuna.plan.plan import Plan

Facts = dict[str, dict[str, list[Any]]]  # by kind and name, with what the configuration says
REGIONS = {"dual", "dual_l2"}  # methods that look at the foreground
SCORES = {"foreground_score": "saliency", "foreground_score_unseen": "unseen"}
GRADIENTS = {"gradient_in_foreground", "foreground_area", "gradient_roughness", "gradient_sparseness"}
LOOKING = {"unsuspicious", "foregrounds", "gradients"}  # plots that are drawn with the foreground


def facts(plan: Plan, kind: str, name: str) -> Facts:
    """What a table or figure uses."""
    body = (plan.lookup.tables if kind == "table" else plan.lookup.figures)[name][1]
    table = name if kind == "table" else body.get("table")
    found = _of_cells(plan, table, body) if table else _of_entry(body)
    models = {member for model in found["models"] for member in part(plan, "ensembles", model, [model])}
    trained = [model for model in models if not model.startswith("own-")]
    scaled = [model for model in trained if not model.startswith("efficientnet-")]  # which has one width
    words = {re.sub(r".*-([a-z][a-z0-9]*)-s\d+(m\d+)?", r"\1", model) for model in trained}
    trainings = {word: [part(plan, "trainings", word, {})] for word in words}
    attacks = {attack: budgets(plan, attack) for attack in found["attacks"]}
    methods: dict[str, list[Any]] = {}
    for body in (body for bodies in attacks.values() for body in bodies):
        methods.setdefault(body["method"], []).append(body)
    datasets = {plan.config.settings["datasets"][role] for role in found["roles"]}
    trained_on = {body.get("attack", {}).get("method") for (body,) in trainings.values()}
    looks = bool(found["looks"] or (REGIONS & ({*methods} | trained_on)))
    foregrounds = [
        plan.config.datasets[name]["foreground"] for name in datasets if "foreground" in plan.config.datasets[name]
    ]
    models_of_saliency = [one["masks"]["model"]["kind"] for one in foregrounds if looks and "model" in one["masks"]]
    models_of_saliency += [one[key]["kind"] for one in foregrounds for key in found["scored"]]
    if any(body.get("weight") for bodies in attacks.values() for body in bodies):
        models_of_saliency += [one["saliency"]["kind"] for one in foregrounds]
    return {
        "role": {role: [{}] for role in found["roles"]},
        "dataset": {dataset: [{}] for dataset in datasets},
        "training": trainings,
        "attack": attacks,
        "method": methods,
        "defense": {defense: [part(plan, "defenses", defense)] for defense in found["defenses"]},
        "mask": {mask: [{}] for model in trained for mask in re.findall(r"-((?:bottom|nostem|top|sm)[\d.]+)", model)},
        "foreground": {one["masks"]["kind"]: [{}] for one in foregrounds if looks},
        "saliency": {kind: [{}] for kind in models_of_saliency},
        "width": {"width": [{"width": plan.config.settings["width"]}]} if scaled else {},
    }


def part(plan: Plan, kind: str, name: str, otherwise: Any = None) -> Any:
    """A part of the papers' files by its name."""
    return next((c[kind][name] for c in plan.config.papers.values() if name in c[kind]), otherwise)


def budgets(plan: Plan, attack: str) -> list[Any]:
    """The budgets of an attack, each with what the attack says once."""
    body = part(plan, "attacks", attack)
    return [{"method": body["method"], "selection": body["selection"], **budget} for budget in body["budgets"]]


def _of_cells(plan: Plan, table: str, body: Any) -> dict[str, Any]:
    settings = exhibit_settings(plan, "cells", table)
    cells, only = settings["cells"], body.get("attack")
    if only:  # the name of an attack with one budget
        (code,) = _codes(plan, only)
        cells = [cell for cell in cells if cell["attack"] in (code, "none")]
    metrics = {cell["metric"] for cell in cells}
    met = {(cell["suite"], cell["attack"]) for cell in cells} - {(cell["suite"], "none") for cell in cells}
    return {
        "roles": {settings["paper_dataset"]},
        "models": {cell[key] for cell in cells for key in ("model", "source")} - {"", "none"},
        "attacks": {
            one for suite, code in met for one in part(plan, "suites", suite)["attacks"] if code in _codes(plan, one)
        },
        "defenses": {cell["defense"] for cell in cells} - {""},
        "looks": metrics & (GRADIENTS | SCORES.keys()),
        "scored": {SCORES[metric] for metric in metrics & SCORES.keys()},
    }


def _of_entry(body: Any) -> dict[str, Any]:
    lines, rows = body.get("lines", []), body.get("rows", [])
    models = {*body.get("models", []), body.get("model"), *(line["model"] for line in lines)}
    return {
        "roles": {*(line["dataset"] for line in lines), *([body["dataset"]] if "dataset" in body else [])},
        "models": (models | {row["source"] for row in rows}) - {None, "none"},
        "attacks": {row["attack"] for row in rows} | ({body["attack"]} if "attack" in body else set()),
        "defenses": {body["defense"]} if "defense" in body else set(),
        "looks": body["plot"] in LOOKING,
        "scored": {"saliency"} if body["plot"] == "unsuspicious" else set(),
    }


def _codes(plan: Plan, attack: str) -> list[str]:
    body = part(plan, "attacks", attack)
    return [attack_code(body["method"], budget) for budget in body["budgets"]]


def meets(needs: Any, used: Facts) -> bool:
    """Whether each kind of the needs has a name that is used, and all of these that are used are as it says."""
    for kind, stated in needs.items():
        if kind == "width":
            if not any(is_so(stated, body["width"]) for bodies in used["width"].values() for body in bodies):
                return False
            continue
        asked = stated if isinstance(stated, dict) else {name: {} for name in stated}
        bodies = [(asked[name], body) for name in asked if name in used[kind] for body in used[kind][name]]
        if not bodies or not all(is_so(keys, body) for keys, body in bodies):
            return False
    return True


def is_so(stated: Any, found: Any) -> bool:
    """Whether what is found is as it is stated."""
    if isinstance(stated, dict) and [*stated] == ["below"]:
        return found is not None and Fraction(str(found)) < Fraction(str(stated["below"]))
    if isinstance(stated, dict):
        return isinstance(found, dict) and all(is_so(value, found.get(key)) for key, value in stated.items())
    return bool(stated == found)
