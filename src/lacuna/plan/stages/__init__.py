"""The stages, one module each, with all that is said of it; a new module is found by itself. No torch here."""

from graphlib import TopologicalSorter
from importlib import import_module
from pkgutil import iter_modules

from lacuna.plan.stage import Stage

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

_FOUND = {stage.name: stage for stage in Stage.__subclasses__()}
# Every stage by name, in the order of the flow.
STAGES: dict[str, type[Stage]] = {
    name: _FOUND[name]
    for name in TopologicalSorter({name: stage.after for name, stage in _FOUND.items()}).static_order()
}
