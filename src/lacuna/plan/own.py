"""Code of the user's own that a configuration names as ``module:name``: found without being imported."""

import os
from functools import cache
from importlib.machinery import PathFinder


def own_code(*references: str) -> list[str]:
    """Source files of the ``module:name`` references, without those of installed packages."""
    files = (_file(reference) for reference in references if ":" in reference)
    return [file for file in files if file]


@cache
def _file(reference: str) -> str | None:
    """The source file behind ``module:name``; None for installed or unknown modules."""
    places: list[str] | None = None
    spec = None
    parts = reference.partition(":")[0].split(".")
    for i in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:i]), places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or [])
    if spec is None or spec.origin is None or "site-packages" in spec.origin:
        return None
    return os.path.relpath(spec.origin) if os.path.exists(spec.origin) else None
