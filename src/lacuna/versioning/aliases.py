"""Writes dvc.yaml from the configuration: `dvc repro table3` and its like, which verify and then call Snakemake."""

from typing import Any

import yaml

from lacuna.plan.plan import Plan

HEADER = """\
# Aliases for those who are used to `dvc repro`: Snakemake alone decides what has to be made. Written by `make aliases`
# from config/papers/*.yaml; do not edit. Checkpoints, data and adversarial sets are no outs here, since DVC removes a
# stage's outs before it runs; each is tracked by a .dvc file of its own (docs/versioning.md).
"""
COLLECTIONS = ("data", "models", "adversarial", "tables", "figures")


def alias_text(plan: Plan) -> str:
    """The text of dvc.yaml: a stage for each target that collects, and for each table."""
    stages = {name: _stage("", name) for name in COLLECTIONS} | {name: _table(name) for name in plan.lookup.tables}
    return HEADER + yaml.safe_dump({"stages": stages}, sort_keys=False, width=120)


def _stage(option: str, target: str) -> dict[str, Any]:
    commands = [f"python -m lacuna.versioning guard{option}", f"snakemake {target}"]
    return {"cmd": commands, "always_changed": True}


def _table(name: str) -> dict[str, Any]:
    file = f"tables/{name}.csv"
    return {**_stage(f" --table {name}", file), "outs": [{file: {"cache": False, "persist": True}}]}
