"""The one local file of what finished jobs took, which the main process alone reads. No torch here."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs

from lacuna.files.artefacts import write_text
from lacuna.files.machine import processor
from lacuna.jobs.progress import Say, say_to_stderr
from lacuna.plan.learnt import Learnt

PLACE = Path("results/learnt.json")
FORMAT = 1
PATIENCE = 20  # seconds that the driver may take to name the GPUs


def _mapping(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


_NUMBER = {"type": "number", "minimum": 0, "maximum": 1e9}
_ENTRY = {
    "type": "object",
    "properties": {"jobs": {"type": "integer", "minimum": 1}, "ratio": _NUMBER, "seconds": _NUMBER},
    "required": ["jobs"],
    "additionalProperties": False,
}
_BEGIN = {**_ENTRY, "required": ["jobs", "seconds"]}
_KIND = {
    "type": "object",
    "properties": {"begin": _mapping(_BEGIN), "scales": _mapping(_mapping(_ENTRY))},
    "required": ["begin", "scales"],
}
SCHEMA = {
    "type": "object",
    "properties": {"format": {"const": FORMAT}, "kinds": _mapping(_KIND)},
    "required": ["format", "kinds"],
}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def read_kinds(say: Say = say_to_stderr) -> dict[str, Any]:
    """What the file holds, by kind of device: CPU model or GPU name.

    Empty where there is no file. A damaged one, or one of another version, is passed over with one sentence.
    """
    try:
        content = json.loads(PLACE.read_text(encoding="utf-8"), parse_constant=_refuse)
        jsonschema_rs.validate(SCHEMA, content)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):  # what violates the schema is a ValueError
        say(f"{PLACE} cannot be read and is passed over; `python -m lacuna.cost --learn` writes it anew")
        return {}
    kinds: dict[str, Any] = content["kinds"]
    return kinds


def write_kinds(kinds: Mapping[str, Any]) -> None:
    """Writes the file, atomically."""
    write_text(str(PLACE), json.dumps({"format": FORMAT, "kinds": kinds}, indent=1, sort_keys=True) + "\n")


def read_learnt(scale: str, elsewhere: bool = False, say: Say = say_to_stderr) -> Learnt:
    """What was learnt of the device of this machine at a scale.

    Of jobs that run ``elsewhere`` nobody knows which node they get: then of every kind of device in the file.
    """
    kinds = {name: kind for name, kind in read_kinds(say).items() if elsewhere or scale in kind["scales"]}
    if not kinds:
        return Learnt(scale)
    if elsewhere:
        every = tuple(kind for kind in kinds.values() if scale in kind["scales"])
        return Learnt(scale, every, every)
    here = {"kinds": devices(), "processors": (processor(),)}
    return Learnt(
        scale, **{part: tuple(kinds[name] for name in names if name in kinds) for part, names in here.items()}
    )


def devices() -> tuple[str, ...]:
    """The kind of device that jobs on this machine use: the names of its GPUs, or its processor's where it has none."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if hidden or not (program := shutil.which("nvidia-smi")):
        return (processor(),)
    asked = [program, "--query-gpu=name", "--format=csv,noheader"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return (processor(),)
    return tuple(dict.fromkeys(line.strip() for line in said.splitlines() if line.strip())) or (processor(),)
