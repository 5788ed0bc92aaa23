"""Which library modules decide the numbers of each stage, as inputs of its rules."""

# Library modules that decide a stage's numbers. They are inputs of its rules, compared by content: an edit reruns
# the stage, a touch does not, and an edit of what comes later never retrains. Reading, writing and progress
# (artefacts, contents, errors, job, owner, progress, tensorfile) decide no number and are left out. Code of the user's
# own is an input too.
MODULES = {
    "dataset": ["data"],
    "foreground": ["device", "data", "foreground", "images"],
    "train": [
        "attacks/draws",
        "attacks/dual",
        "attacks/gradient",
        "attacks/regions",
        "attacks/thermometer",
        "attacks/victim",
        "device",
        "data/normalisation",
        "foreground/score",
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
        "data/brought",
        "data/folder",
        "data/partitions",
        "evaluation",
        "foreground/deepgaze",
        "foreground/saliency",
        "foreground/score",
        "foreground/standins",
        "images",
        "models",
        "names",
        "networks",
        "purify",
        "quality",
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
        "smoothing",
    ],
    "measure": [
        "device",
        "foreground/deepgaze",
        "foreground/saliency",
        "foreground/score",
        "foreground/standins",
        "images",
        "purify",
        "quality",
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
    "table": [
        "codes",
        "metrics",
        "names",
        "reporting/pattern",
        "reporting/tables",
        "statistics",
    ],
    "figure": [
        "attacks",
        "data/folder",
        "defenses",
        "device",
        "evaluation",
        "foreground",
        "images",
        "models",
        "names",
        "networks",
        "purify",
        "quality",
        "reporting/advdrop",
        "reporting/dual",
        "reporting/figures",
        "reporting/inputs",
        "reporting/made",
        "reporting/plots",
        "reporting/structure",
        "resumable",
        "seeding",
        "smoothing",
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
