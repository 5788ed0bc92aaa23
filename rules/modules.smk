"""Which library modules decide the numbers of each stage, as inputs of its rules."""

# Library modules that decide a stage's numbers. They are inputs of its rules, compared by content: an edit reruns
# the stage, a touch does not, and an edit of what comes later never retrains. Reading, writing and progress
# (artefacts, job, progress, errors) decide no number and are left out. Code of the user's own is an input too.
MODULES = {
    "dataset": ["data"],
    "train": [
        "attacks/draws",
        "attacks/thermometer",
        "attacks/victim",
        "device",
        "data",
        "images",
        "models",
        "names",
        "networks",
        "resumable",
        "seeding",
        "training",
    ],
    "select": [
        "device",
        "evaluation",
        "images",
        "models",
        "names",
        "networks",
        "resumable",
        "seeding",
        "selection",
    ],
    "attack": [
        "device",
        "attacks",
        "evaluation",
        "images",
        "models",
        "names",
        "networks",
        "resumable",
        "seeding",
    ],
    "adopt": ["device", "models", "names", "networks", "seeding"],
    "evaluate": [
        "device",
        "defenses",
        "evaluation",
        "images",
        "models",
        "names",
        "networks",
        "resumable",
        "seeding",
    ],
    "cells": ["cells", "codes", "metrics", "names", "statistics"],
    "claims": [
        "claims",
        "codes",
        "metrics",
        "names",
        "statistics",
        "verdicts",
        "reporting/claims",
    ],
    "table": ["metrics", "reporting/pattern", "reporting/tables", "statistics"],
    "figure": [
        "models",
        "names",
        "networks",
        "reporting/figures",
        "reporting/made",
        "reporting/plots",
        "reporting/structure",
        "seeding",
    ],
    "export": ["export"],
}


def code(stage):
    """The script and the library modules whose content decides a stage's numbers."""
    modules = [ROOT / "src/lacuna" / module for module in MODULES[stage]]
    files = [
        p
        for m in modules
        for p in (sorted(m.glob("*.py")) if m.is_dir() else [m.with_suffix(".py")])
    ]
    return [f"workflow/scripts/{stage}.py", *(str(p.relative_to(ROOT)) for p in files)]
