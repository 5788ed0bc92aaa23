"""A scale's file with what it takes from the scale that it extends. No torch here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lacuna.config.joined import known
from lacuna.config.schema import check_schema
from lacuna.config.yaml_files import name_of, read_yaml
from lacuna.errors import LacunaError

Settings = dict[str, Any]
SCALED = ("attacks", "trainings", "defenses")  # parts of papers of which a scale may change keys
SECTIONS = ("datasets", "images", *SCALED, "foreground", "recipes", "throughput", "victims", "tables")
WITH_NULL = (*SCALED, "tables")  # sections in which null takes something from a paper
# Keys whose value is a whole: half of one with half of another is neither.
WHOLE = ("schedule", "augmentation", "masks", "saliency", "unseen")


def read_scale(scales: Mapping[str, Path], name: str, root: Path, below: tuple[str, ...] = ()) -> Settings:
    """A scale's settings, with every section of ``SECTIONS``, if only empty.

    ``scales`` are the files of all scales by name; ``below`` are the scales that extend this one. Raises `LacunaError`
    for what no scale can say, for a scale to extend that does not exist, and for one that extends itself.
    """
    path, extends = scales[name], "extends"
    file, content = name_of(path, root), read_yaml(path, root)
    base: Settings = {}
    if isinstance(content, dict) and isinstance(content.get(extends), str):
        known(file, extends, content[extends], scales)
        if content[extends] in (name, *below):
            raise LacunaError(f"{file}, key {extends}: {content[extends]} extends {name}; allowed: another scale")
        base = read_scale(scales, content[extends], root, (name, *below))
        content = _over(base, content)
        del content[extends]
    check_schema(content, "scale", file, root)
    return {section: {} for section in SECTIONS} | content


def _over(base: Settings, own: Settings) -> Settings:
    """The scale's own word over that of the scale it extends, section by section."""
    both = {key: own[key] for key in own if key not in SECTIONS or not isinstance(own[key], dict)}
    merged = {key: _merge(base[key], own[key], key in WITH_NULL) for key in base.keys() & own.keys() - both.keys()}
    return {**base, **own, **both, **merged, **_joined_notes(base, own)}


def _joined_notes(base: Settings, own: Settings) -> Settings:
    """The notes of both, those of the base first: each states what it needs, and stands nowhere else."""
    stated = own.get("notes", [])
    return {"notes": [*base["notes"], *stated]} if "notes" in base and isinstance(stated, list) else {}


def _merge(base: Settings, own: Settings, keeps_null: bool) -> Settings:
    """Mappings key by key; null takes away a key of the base, but where it takes one from a paper it is kept."""
    left = {key: value for key, value in base.items() if not (key == "budget" and "budgets" in own)}
    for key, value in own.items():
        if isinstance(value, dict) and isinstance(left.get(key), dict) and key not in WHOLE:
            left[key] = _merge(left[key], value, keeps_null)
        elif value is None and not keeps_null:
            left.pop(key, None)
        else:
            left[key] = value
    return left
