"""Inputs by name: a job finds its files by what its settings say of them, whatever the order they come in."""

from collections.abc import Iterable, Mapping

from lacuna.errors import LacunaError
from lacuna.files.artefacts import AGAIN, stable_part
from lacuna.files.copies import planned_path

Name = tuple[str, ...]


def named_inputs(said: Iterable[Mapping[str, str]], keys: Name, paths: Iterable[str]) -> dict[Name, str]:
    """The ``paths`` by name, in the order of the settings.

    ``said`` has one mapping per file: its ``path``, and under ``keys`` what it is, such as attack and source. Raises
    `LacunaError` for a file that the settings name and that is not among the paths, for one that they do not name, and
    for one that was made as another.
    """
    files = {tuple(one[key] for key in keys): one["path"] for one in said}
    given = {planned_path(path): path for path in paths}
    for name, path in files.items():
        what = ", ".join(f"{key} {part}" for key, part in zip(keys, name, strict=True))
        if path not in given:
            raise LacunaError(f"{path} ({what}) is not among the inputs, though the settings name it; run again")
        if (made := stable_part(given[path]).get("artefact")) != path:
            raise LacunaError(f"{path} should be of {what}, but was made as {made}; {AGAIN}")
    if foreign := sorted(given.keys() - set(files.values())):
        raise LacunaError(f"{foreign[0]} is among the inputs, though the settings do not name it; run again")
    return {name: given[path] for name, path in files.items()}
