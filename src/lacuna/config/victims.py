"""``victim``: the network that a paper's file names once, and that a scale may replace. No torch here."""

from collections.abc import Mapping
from typing import Any

from lacuna.config.joined import known
from lacuna.config.sources import Source
from lacuna.errors import LacunaError

VICTIM = "victim"  # stands for a model's name wherever a paper's file may have one
MODELS = ("model", "models", "source", "sources", "pair")  # keys whose values are names of models


def with_victims(
    files: Mapping[str, Any], settings: Mapping[str, Any], scale_file: str, sources: Mapping[str, Source]
) -> dict[str, Any]:
    """The papers' files in which each ``victim`` is replaced by its network: that of the scale, or the file's own.

    Raises `LacunaError` for a victim of a paper that names none, and where a file has the word without the key.
    """
    replaced = settings["victims"]
    for paper in replaced:
        known(scale_file, "victims", paper, [name for name, content in files.items() if VICTIM in content])
    chosen = {name: replaced.get(name, content.get(VICTIM)) for name, content in files.items()}
    filled = {name: _filled(content, "", sources[name].file, chosen[name]) for name, content in files.items()}
    return {name: {**content, VICTIM: chosen[name]} if chosen[name] else content for name, content in filled.items()}


def _filled(value: Any, key: str, file: str, victim: str | None) -> Any:
    """A part of a file, which stands under ``key``, with the victim's name in place of the word."""
    if isinstance(value, dict):
        inner = {name: "models" if key == "ensembles" else name for name in value}
        filled = {name: _filled(part, inner[name], file, victim) for name, part in value.items()}
        return {_name(name, key, file, victim): part for name, part in filled.items()} if key in MODELS else filled
    if isinstance(value, list):
        return [_filled(part, key, file, victim) for part in value]
    return _name(value, key, file, victim)


def _name(value: Any, key: str, file: str, victim: str | None) -> Any:
    if value != VICTIM or key not in MODELS:
        return value
    if victim is None:
        raise LacunaError(f"{file}: key {VICTIM} is missing; required: a model's name, which {key} calls {VICTIM}")
    return victim
