"""Refuses references ``module:name`` of a configuration to what is not there. Nothing of the user's is run for that.

The source of a module says which names it defines. Where it cannot say so, for example after a star import, the name is
let pass, and the first job that needs it imports it.
"""

import ast
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.machinery import ModuleSpec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from lacuna.config.defenses import PREFIX
from lacuna.config.load import Config
from lacuna.errors import LacunaError
from lacuna.language.codes import is_own
from lacuna.plan.own import find_modules, places_in

KINDS = {"networks": "factory", "attacks": "method", "defenses": "function"}  # parts of papers, and keys that name code
DYNAMIC = {"globals", "locals", "exec", "__getattr__", "__path__", "*"}  # with these a module may have any name


@dataclass(frozen=True)
class Source:
    """What the source of a module says: the ``names`` that it defines, and whether these are not ``all``."""

    names: frozenset[str]
    all: bool


def refuse_missing_code(config: Config) -> None:
    """Raises `LacunaError` for the first reference to a module, or to a name in it, that is not there."""
    for place, reference in _references(config):
        if problem := _problem(*reference.split(":")):
            raise LacunaError(f"{place}: '{reference}' cannot be imported: {problem}")


def _references(config: Config) -> Iterator[tuple[str, str]]:
    """Each reference to code of the user's own, with its file and key. Ready-made defenses are checked elsewhere."""
    for paper, content in config.papers.items():
        yield from ((f"{config.sources[paper].file}, key {key}", name) for key, name in _in_exhibits(content))
        for kind, key in KINDS.items():
            for name, body in content.get(kind, {}).items():
                reference = body.get(key, "")
                if ":" in reference and not reference.startswith(PREFIX):
                    scaled = key in config.settings.get(kind, {}).get(name, {})
                    file = f"config/scales/{config.scale}.yaml" if scaled else config.sources[paper].file
                    yield f"{file}, key {kind}.{name}.{key}", reference


def _in_exhibits(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The metrics and plots of the user's own, with their keys. A column or a row is shown by its name."""
    for table, body in content.get("tables", {}).items():
        named = [(f"{kind}s, '{line[kind]}', metric", line) for kind in ("column", "row") for line in body[f"{kind}s"]]
        own = [(place, line["metric"]) for place, line in named if is_own(line.get("metric", ""))]
        yield from ((f"tables.{table}.{place}", metric) for place, metric in own)
    for figure, body in content.get("figures", {}).items():
        if is_own(body["plot"]):
            yield f"figures.{figure}.plot", body["plot"]


def _problem(module: str, name: str) -> str | None:
    """Why ``module:name`` cannot be imported, as the end of a sentence; None where it can, or nobody can say."""
    *around, last = find_modules(module)
    sources: list[Source | None] = []
    for spec in filter(None, [*around, last]):
        try:
            sources.append(_read(spec))
        except (SyntaxError, ValueError, OSError) as error:
            return _unreadable(spec, error)
    if last is None:
        dynamic = any(source and not source.all for source in sources)
        return None if dynamic or module in sys.modules else _no_module(module.split(".")[: len(around) + 1], around)
    source = sources[-1]
    inside = [one.name for one in iter_modules(places_in(last))]
    if source is None or not source.all or name in source.names or name in inside:
        return None
    return f"{_shown(last)} has no '{name}'{_hint(name, sorted(source.names))}"


def _no_module(parts: Sequence[str], around: Sequence[ModuleSpec | None]) -> str:
    """That there is no module of this name, where the packages ``around`` it are there."""
    known = [one.name for one in iter_modules(places_in(around[-1]) if around else None)]
    return f"there is no module '{'.'.join(parts)}'{_hint(parts[-1], known)}"


def _hint(name: str, known: Sequence[str]) -> str:
    """The closest of some names; where none is close, what is allowed."""
    alike = {one.lower(): one for one in reversed(known) if not one.startswith("__")}
    near = get_close_matches(name.lower(), alike, n=1)
    return f"; closest: {alike[near[0]]}" if near else "; allowed: module:name, on PYTHONPATH"


def _read(spec: ModuleSpec) -> Source | None:
    """What a module's source says; None for a module without a source, such as one in C."""
    if spec.loader is None:
        return Source(frozenset(), all=True)  # a folder without __init__.py
    if not spec.origin or not spec.origin.endswith(".py") or not os.path.exists(spec.origin):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's code, which Python gives again when it runs
            tree = ast.parse(Path(spec.origin).read_bytes())
        names = frozenset(_defined(tree))
    except (RecursionError, MemoryError):
        return None
    return Source(names, all=not any(map(_is_dynamic, ast.walk(tree))) and not names & DYNAMIC)


def _unreadable(spec: ModuleSpec, error: Exception) -> str:
    line = f", line {error.lineno}," if isinstance(error, SyntaxError) and error.lineno else ""
    reason = getattr(error, "msg", "") or getattr(error, "strerror", "") or str(error)
    return f"{_shown(spec)}{line} cannot be read as Python ({reason}); allowed: module:name, on PYTHONPATH"


def _shown(spec: ModuleSpec) -> str:
    """The file of a module, or the folder of a package without one, below this folder where it lies there."""
    place = spec.origin or next(iter(places_in(spec)), spec.name)
    return place if (below := os.path.relpath(place)).startswith("..") else below


def _defined(node: ast.AST) -> Iterator[str]:
    """Names that the statements of a module, or of a block in it, bind; those that functions make global too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child.name
            yield from (name for one in ast.walk(child) if isinstance(one, ast.Global) for name in one.names)
        elif isinstance(child, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in child.names)
        elif isinstance(child, ast.Name):
            yield from [child.id] if isinstance(child.ctx, ast.Store) else []
        else:
            bound = (getattr(child, key, None) for key in ("name", "rest"))  # of except ... as, and of case
            yield from (name for name in bound if isinstance(name, str))
            yield from _defined(child)


def _is_dynamic(node: ast.AST) -> bool:
    """Whether a piece of a module's source may define names that do not stand in it."""
    if isinstance(node, ast.Attribute):
        return node.attr == "modules" and isinstance(node.value, ast.Name) and node.value.id == "sys"
    return isinstance(node, ast.Name) and node.id in DYNAMIC
