"""What is said of a stage, in one place each: `lacuna.plan.stages` has one module per stage. No torch here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from lacuna.language.attacks import METHODS
from lacuna.language.models import OWN
from lacuna.plan.lookup import Lookup
from lacuna.plan.networks import Networks
from lacuna.plan.paths import Paths

Inputs = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Known:
    """What stages and figures ask about a configuration."""

    lookup: Lookup
    networks: Networks
    paths: Paths


@dataclass(frozen=True)
class Artefact:
    """One file as the plan wants it: which ``output`` of its stage, and for which ``wildcards``.

    ``settings`` is canonical JSON and ``inputs`` are paths, as its rule gets them.
    """

    stage: str
    path: str
    settings: str
    inputs: tuple[str, ...]
    output: str = ""
    wildcards: Mapping[str, str] = field(default_factory=dict, hash=False)


class Stage:
    """One step of the flow: what it writes, reads, is decided by, and costs.

    ``outputs`` are files with provenance, by their names in the rule, and ``renderings`` files without; both lie below
    results/<scale>/<dataset>/ and have wildcards in braces. ``after`` are the stages whose outputs it may read.
    ``modules`` are those of src/lacuna that decide its numbers and that no method or architecture declares; a folder
    stands for all modules below it. ``constraints`` narrow the wildcards of paths. ``on_device`` is whether its jobs
    use a GPU where there is one. The methods take the wildcards of its outputs, by name or in the order that each of
    them states.
    """

    name: ClassVar[str]
    after: ClassVar[tuple[str, ...]] = ()
    outputs: ClassVar[Mapping[str, str]] = {}
    renderings: ClassVar[Mapping[str, str]] = {}
    constraints: ClassVar[Mapping[str, str]] = {}
    on_device: ClassVar[bool] = False
    modules: ClassVar[tuple[str, ...]]

    def __init__(self, known: Known) -> None:
        self.known = known
        self.lookup, self.networks, self.paths = known.lookup, known.networks, known.paths
        for asked in ("inputs", "canonical"):  # by rules, by the inventory, and by Snakemake more than once
            setattr(self, asked, cache(getattr(self, asked)))

    # What each stage says ------------------------------------------------------------------------------------

    def inputs(self, *args: Any, **wildcards: Any) -> Inputs:
        """The files that it reads besides code, by their names in the rule."""
        raise NotImplementedError

    def settings(self, *args: Any, **wildcards: Any) -> Mapping[str, Any]:
        """All that decides its outputs besides inputs and code."""
        raise NotImplementedError

    def code(self, *args: Any, **wildcards: Any) -> list[str]:
        """The parts of the code that decide its outputs, by name (`lacuna.plan.code`): by default only its own."""
        return [self.name]

    def own_code(self, *args: Any, **wildcards: Any) -> list[str]:
        """Code of the user's own that decides its outputs."""
        return []

    def missing(self, *args: Any, **wildcards: Any) -> Path | None:
        """The first folder or file that the user has to bring for it, and that is not there."""
        return None

    def refuse_misfit(self, *args: Any, **wildcards: Any) -> None:
        """Raises `LacunaError` where what the user brings for it is there and is not what the configuration says."""

    def seconds(self, *args: Any, **wildcards: Any) -> float:
        """Expected seconds on one device, where they are long enough to be foretold."""
        return 0

    def priority(self, *args: Any, **wildcards: Any) -> int:
        """Which of several jobs that are ready starts first: the one with the highest."""
        return 0

    def unforetold(self, *args: Any, **wildcards: Any) -> bool:
        """Whether the seconds may be many and nobody knows: code of the user's own takes them."""
        return False

    def size(self, output: str, *args: Any, **wildcards: Any) -> float:
        """Expected bytes of an output, where they are many enough to be foretold."""
        return 0

    def memory(self, *args: Any, **wildcards: Any) -> float:
        """Gigabytes of the machine's memory that it asks for, where that is foretold."""
        return 0

    # What follows from it ------------------------------------------------------------------------------------

    def canonical(self, *args: Any, **wildcards: Any) -> str:
        """The settings as canonical JSON: what the rule gets as its parameter."""
        return canonical(self.settings(*args, **wildcards))

    def path(self, output: str, **wildcards: str) -> str:
        """Where one of its outputs or renderings lies."""
        return self.paths.of(self.name, output, **wildcards)

    def artefacts(self, **wildcards: str) -> list[Artefact]:
        """Its outputs as the plan wants them."""
        read = tuple(flat(self.inputs(**wildcards)))
        settings = self.canonical(**wildcards)
        return [
            Artefact(self.name, self.path(output, **wildcards), settings, read, output, wildcards)
            for output in self.outputs
        ]


def method_part(method: str) -> str:
    """The part of the code that is an attack method's; all of the user's own share one."""
    return f"method-{method if method in METHODS else OWN}"


def architecture_part(architecture: str) -> str:
    """The part of the code that is an architecture's."""
    return f"architecture-{architecture}"


def flat(inputs: Inputs) -> list[str]:
    """The paths of named inputs, in order."""
    return [path for paths in inputs.values() for path in ([paths] if isinstance(paths, str) else paths)]


def canonical(settings: Any) -> str:
    """JSON with sorted keys: equal settings give equal text, the base of digests and of rerun decisions."""
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))
