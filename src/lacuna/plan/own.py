"""Code of the user's own that a configuration names as ``module:name``: found without being imported."""

import os
import sys
from collections.abc import Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from pkgutil import get_importer


def own_code(*references: str) -> list[str]:
    """Source files of the ``module:name`` references, each once, without those of installed packages."""
    files = (_file(reference) for reference in references if ":" in reference)
    return [*dict.fromkeys(file for file in files if file)]


@cache
def _file(reference: str) -> str | None:
    """The source file behind ``module:name``; None for installed or unknown modules."""
    spec = find_modules(reference.partition(":")[0])[-1]
    if spec is None or spec.origin is None or "site-packages" in spec.origin:
        return None
    return os.path.relpath(spec.origin) if os.path.exists(spec.origin) else None


def find_modules(name: str) -> list[ModuleSpec | None]:
    """Where the packages around a module lie, the outermost first, and at last the module; None ends the list early.

    Python's own search imports each package on the way. This one looks into its folder, and runs nothing.
    """
    parts, found = name.split("."), list[ModuleSpec | None]()
    for end in range(1, len(parts) + 1):
        inner = ".".join(parts[:end])
        spec = _find_inside(inner, places_in(found[-1])) if found else _find_outermost(inner)
        found.append(spec)
        if spec is None:
            break
    return found


def places_in(spec: ModuleSpec | None) -> list[str]:
    """The folders in which modules of a package lie; none for a module that is no package."""
    return list(spec.submodule_search_locations or []) if spec else []


def _find_outermost(name: str) -> ModuleSpec | None:
    """A module that is in no package, with every finder that Python asks: those of editable installations too."""
    finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
    return next((spec for find in finders if find and (spec := find(name, None))), None)


def _find_inside(name: str, places: Sequence[str]) -> ModuleSpec | None:
    """A module of a package that lies at these places; a folder without __init__.py may lie at several of them."""
    folders: list[str] = []
    for place in places:
        finder = get_importer(place)
        spec = finder.find_spec(name) if finder else None
        if spec and spec.loader:
            return spec
        folders += places_in(spec)
    whole = ModuleSpec(name, None, is_package=True)
    whole.submodule_search_locations = folders
    return whole if folders else None
