"""What a folder's modules declare, found by listing the folder: there is no table of names to edit. No torch here."""

from dataclasses import dataclass, replace
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One thing that a name stands for: what makes it, and the modules that decide its numbers.

    ``function`` is a reference, ``module:name``, so that whoever reads a declaration does not import torch.
    ``modules`` are paths below src/lacuna, without ending: all that the function's module imports and that decides a
    number. `read_declarations` puts the declaration's own module and that of its function before them.
    """

    function: str
    modules: tuple[str, ...] = ()


Kind = TypeVar("Kind", bound=Declaration)


def read_declarations(package: str, name: str, kind: type[Kind]) -> dict[str, Kind]:
    """What each module of a package declares as ``name``, by the module's own name, in alphabetical order."""
    found: dict[str, Kind] = {}
    for module in sorted(iter_modules(import_module(package).__path__), key=lambda module: module.name):
        declared = getattr(import_module(f"{package}.{module.name}"), name)
        assert isinstance(declared, kind)
        own = (path_of(f"{package}.{module.name}"), path_of(declared.function.partition(":")[0]))
        found[module.name] = replace(declared, modules=(*own, *declared.modules))
    return found


def path_of(module: str) -> str:
    """A module of this package as a path: ``attacks/pgd`` for lacuna.attacks.pgd."""
    return module.removeprefix("lacuna.").replace(".", "/")


def resolve(reference: str) -> Any:
    """The object behind the ``module:name`` of a declaration."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
