"""The code that decides numbers, in parts that are edited for themselves: stages, attack methods, architectures.

A job names the parts that decide its outputs. Its only input of them is one file of digests per part, which a local
rule writes. What only reads, writes, checks or reports (files, foreign, jobs, config, plan) decides no number and is
in no part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lacuna.files.digests import ENDING
from lacuna.language.attacks import METHODS, OWN_METHOD
from lacuna.language.models import ARCHITECTURES, OWN, PACKAGED
from lacuna.plan.stage import Stage, architecture_part, method_part

PACKAGE, SCRIPTS, FOLDER = "src/lacuna", "workflow/scripts", "results/code"


@dataclass(frozen=True)
class Part:
    """Some code by a name: modules of src/lacuna, and a script of workflow/scripts where ``script`` is not empty.

    A folder among the ``modules`` stands for all modules below it.
    """

    name: str
    modules: tuple[str, ...]
    script: str = ""

    @property
    def digests(self) -> str:
        """The file of its digests."""
        return f"{FOLDER}/{self.name}{ENDING}"

    def files(self, root: Path) -> list[str]:
        """Its files, as paths from the checkout's root."""
        modules = (path for module in self.modules for path in _modules(root / PACKAGE / module))
        scripts = [f"{SCRIPTS}/{self.script}.py"] if self.script else []
        return [*scripts, *(path.relative_to(root).as_posix() for path in modules)]


def _modules(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def parts(stages: Mapping[str, type[Stage]]) -> dict[str, Part]:
    """Every part by its name."""
    of_stages = [Part(name, stage.modules, name) for name, stage in stages.items()]
    methods = {**METHODS, OWN: OWN_METHOD}
    of_methods = [Part(method_part(name), method.modules) for name, method in methods.items()]
    of_networks = [
        Part(architecture_part(name), known.modules) for name, known in {**ARCHITECTURES, **PACKAGED}.items()
    ]
    return {part.name: part for part in (*of_stages, *of_methods, *of_networks)}
