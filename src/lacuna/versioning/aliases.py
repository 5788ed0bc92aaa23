"""Writes dvc.yaml from the configuration: `dvc repro table3` and its like, metrics, plots and parameters."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from lacuna.plan.plan import Plan
from lacuna.versioning.planned import COLLECTED, planned

HEADER = """\
# For those who are used to DVC: Snakemake alone decides what has to be made. Written by `make aliases` from config/; do
# not edit. A stage checks what is there, then calls Snakemake. DVC calls it where its digest below results/planned
# is another than the last time, or its table.
# Checkpoints, data and adversarial sets are no outs here, since DVC removes a stage's outs before it runs; each is
# tracked by a .dvc file of its own (docs/versioning.md).
"""
# The targets that collect, each with the one before it, which `dvc dag` shows.
COLLECTIONS = {"data": "", "models": "data", "adversarial": "models", "tables": "adversarial", "figures": "adversarial"}
PLANNED = "planned"  # the stage of the digests by which DVC sees which of the others have changed
FOLDER = f"results/{PLANNED}"
DECIDING = ("Snakefile", "config", "data", "envs/requirements.txt", "rules", "src/lacuna", "workflow")
DRAWN = {
    "plots/rates": {"x": "value", "y": "network", "x_label": "percent", "template": "rates"},
    "plots/training": {"x": "epoch", "y": "train_accuracy", "y_label": "percent", "template": "training"},
}


def alias_text(plan: Plan) -> str:
    """The text of dvc.yaml, in the checkout that is the working directory: a stage for each collection and table."""
    first = ["python -m lacuna.versioning.experiments", f"snakemake {PLANNED}"]
    stages = {PLANNED: {"cmd": first, "deps": [*DECIDING], **_outs([FOLDER])}}
    for name, one in planned(plan).items():
        own = [file for file in one.files if not _decides(file)]
        stages[name] = _collection(name, own) if name in COLLECTIONS else _table(name, own)
    scales = sorted(str(path) for path in Path("config/scales").glob("*.yaml"))
    papers = [source.file for source in plan.config.sources.values()]
    content = {
        "stages": stages,
        "params": ["config/config.yaml", "config/datasets.yaml", *scales, *papers],
        "metrics": ["metrics"],
        "plots": [{folder: how} for folder, how in DRAWN.items()],
    }
    return HEADER + yaml.safe_dump(content, sort_keys=False, width=120)


def _collection(name: str, own: Sequence[str]) -> dict[str, Any]:
    made = [_metrics(name)] if name in COLLECTED else []
    before = [_metrics(COLLECTIONS[name])] if COLLECTIONS[name] else []
    return _stage("", [name, *made], [_digest(name), *before, *own], made)


def _table(name: str, own: Sequence[str]) -> dict[str, Any]:
    made = [f"tables/{name}.csv", _metrics(name)]
    return _stage(f" --table {name}", made, [_digest(name), *own], made)


def _stage(option: str, targets: Sequence[str], needed: Sequence[str], made: Sequence[str]) -> dict[str, Any]:
    commands = [f"python -m lacuna.versioning guard{option}", f"snakemake {' '.join(targets)}"]
    return {"cmd": commands, "deps": [*needed], **(_outs(made) if made else {})}


def _outs(made: Sequence[str]) -> dict[str, Any]:
    """What a stage makes: nothing that DVC would keep a copy of, or remove before it calls the stage."""
    return {"outs": [{file: {"cache": False, "persist": True}} for file in made]}


def _metrics(name: str) -> str:
    return f"metrics/{name}.json"


def _digest(name: str) -> str:
    return f"{FOLDER}/{name}.txt"


def _decides(file: str) -> bool:
    """Whether a file lies where the stage of the digests looks, or is made."""
    return any(Path(file).is_relative_to(place) for place in (*DECIDING, "results"))
