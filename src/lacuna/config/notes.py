"""Names in the needs of notes that must exist, wherever a note is declared. No torch here."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lacuna.config.joined import Parts, known
from lacuna.config.schema import definition
from lacuna.errors import LacunaError
from lacuna.language.attacks import METHODS
from lacuna.language.codes import is_own
from lacuna.language.models import STANDARD
from lacuna.language.notes import BELOW, Body, Note, as_number, names_of
from lacuna.language.roles import ROLES


@dataclass(frozen=True)
class Place:
    """Where a note is declared: its file and key, and the paper, table or dataset that it belongs to, if one."""

    file: str
    key: str
    paper: str = ""
    table: str = ""
    dataset: str = ""


@dataclass(frozen=True)
class Declared:
    """What may declare notes: a scale's ``settings``, the ``datasets``, the ``papers``, each with its file."""

    scale_file: str
    settings: Body
    datasets: Mapping[str, Body]
    papers: Mapping[str, tuple[str, Body]]


def placed_notes(declared: Declared) -> Iterator[tuple[Place, Note]]:
    """Every note with its place, in the order in which they stand: of tables, papers, the scale, datasets."""
    for paper, (file, content) in declared.papers.items():
        for name, body in content["tables"].items():
            yield from _listed(Place(file, f"tables.{name}.notes", paper, name), body)
    for paper, (file, content) in declared.papers.items():
        yield from _listed(Place(file, "notes", paper), content)
    yield from _listed(Place(declared.scale_file, "notes"), declared.settings)
    for name, body in declared.datasets.items():
        yield from _listed(Place("config/datasets.yaml", f"{name}.notes", dataset=name), body)


def _listed(place: Place, body: Body) -> Iterator[tuple[Place, Note]]:
    for i, entry in enumerate(body.get("notes", [])):
        yield replace(place, key=f"{place.key}[{i}]"), Note.read(entry)


def check_notes(declared: Declared, parts: Parts, root: Path) -> None:
    """Raises `LacunaError` for the first need that names what does not exist, or a key that no such thing has."""
    names, keys = _names(declared, parts, root), _keys(root)
    for place, note in placed_notes(declared):
        for kind, stated in note.needs.items():
            key = f"{place.key}.needs.{kind}"
            _check_limits(f"{place.file}, key {key}", stated)
            for name, asked in names_of(stated).items():
                if kind in names and not (kind == "method" and is_own(name)):
                    known(place.file, key, name, names[kind])
                if kind in keys:
                    _check_keys(place.file, f"{key}.{name}", asked, keys[kind])


def _names(declared: Declared, parts: Parts, root: Path) -> dict[str, Iterable[str]]:
    """What may stand in needs, by kind; masks and the width have no list of names."""
    named, described = parts.named, definition(root, "datasets", "foreground")["properties"]
    return {
        "role": [*ROLES, *named["datasets"]],
        "dataset": declared.datasets,
        "training": [STANDARD, *named["trainings"]],
        "attack": named["attacks"],
        "method": METHODS,
        "defense": named["defenses"],
        "foreground": described["masks"]["properties"]["kind"]["enum"],
        "saliency": definition(root, "datasets", "saliency")["properties"]["kind"]["enum"],
    }


def _keys(root: Path) -> dict[str, Body]:
    """The properties of what needs may state keys of, by kind."""
    parts = {
        name: definition(root, "paper", name)["properties"] for name in ("training", "defense", "attack", "budget")
    }
    of_attacks = {
        **parts["budget"],
        **{key: parts["attack"][key] for key in ("method", "selection", "fold_batch_norm")},
    }
    return {"training": parts["training"], "defense": parts["defense"], "attack": of_attacks, "method": of_attacks}


def _check_keys(file: str, key: str, stated: Any, properties: Body) -> None:
    """Every key, and those within it, is one of the properties; what has none of its own takes any."""
    for name, value in stated.items():
        known(file, key, name, properties)
        inner = properties[name].get("properties") if isinstance(properties[name], dict) else None
        if inner and isinstance(value, dict) and BELOW not in value:
            _check_keys(file, f"{key}.{name}", value, inner)


def _check_limits(where: str, stated: Any) -> None:
    """``below`` stands alone, with a number."""
    if not isinstance(stated, dict):
        return
    if BELOW in stated and (len(stated) > 1 or as_number(stated[BELOW]) is None):
        raise LacunaError(f"{where}: {BELOW} takes a number, and no other key stands beside it")
    for name, value in stated.items():
        _check_limits(f"{where}.{name}", value)
