"""What the modules of a folder declare. To list the folder finds them: no table of names exists. No torch here."""

from dataclasses import dataclass, replace
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

from lacuna.errors import LacunaError


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What stands behind a name: the function that makes it, and the modules that decide its numbers.

    ``function`` is a reference ``module:name``, so that a reader of the declaration does not import torch. ``modules``
    are paths below src/lacuna, without ending. They are the modules that the declaration's and the function's module
    import, directly or through others, if they decide a number; `lacuna.language` is left out. `read_declarations`
    puts these two modules before them.
    """

    function: str
    modules: tuple[str, ...] = ()


Kind = TypeVar("Kind", bound=Declaration)


def read_declarations(package: str, name: str, kind: type[Kind]) -> dict[str, Kind]:
    """What each module of a package declares as ``name``, by the name of the module, in alphabetical order."""
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
    """What ``module:name`` names, which can be called. Raises `LacunaError` where there is no such thing."""
    module, _, name = reference.partition(":")
    try:
        found = getattr(import_module(module), name)
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:  # a stranger's module may raise anything
        kind = "" if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: "
        reason = f"{kind}{' '.join(str(error).split())}"
        raise LacunaError(f"'{reference}' cannot be imported ({reason}); allowed: module:name, on PYTHONPATH") from None
    if not callable(found):
        raise LacunaError(f"'{reference}' is of type {type(found).__name__}; allowed: what can be called")
    return found
