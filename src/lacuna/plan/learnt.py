"""What finished jobs took, by kind of device: how the plan's seconds become those of this machine. No torch here.

Nothing of it goes into settings, inputs or digests. Only the main process reads it (`lacuna.cost.learnt_file`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lacuna.plan.stage import Stage

BEGIN = 3.5  # seconds that each job takes to begin, where none was seen here
RATIO, SECONDS = "ratio", "seconds"


@dataclass(frozen=True)
class Learnt:
    """What is known of the kinds of devices that jobs meet; of several kinds the slowest counts.

    ``kinds`` are for jobs that use the device and ``processors`` for the others, each as the file has it: ``begin`` and
    ``scales``. Empty, it leaves the plan's seconds as they are.
    """

    scale: str = ""
    kinds: tuple[Mapping[str, Any], ...] = ()
    processors: tuple[Mapping[str, Any], ...] = ()

    def seconds(self, stage: Stage, wildcards: Mapping[str, str]) -> float:
        """Expected seconds of a job: the plan's times what such jobs took of them, else what such jobs took.

        Where the plan expects nothing, and no such job was seen, it is 0.
        """
        expected = stage.seconds(**wildcards)
        value = RATIO if expected else SECONDS
        found = [known[value] for kind in self._kinds(stage) if (known := self._known(kind, stage, wildcards, value))]
        return max(found) * (expected or 1) if found else expected

    def begin(self, name: str) -> float:
        """Seconds that a job of a stage, or of the rules ``code`` and ``publish``, takes besides its work."""
        found = [kind["begin"][name][SECONDS] for kind in self.processors if name in kind["begin"]]
        return max(found, default=BEGIN)

    @property
    def jobs(self) -> int:
        """How many finished jobs of this scale it rests on."""
        several = {id(kind): kind for kind in (*self.kinds, *self.processors)}.values()
        return sum(entry["jobs"] for kind in several for key, entry in self._entries(kind).items() if " " not in key)

    def _kinds(self, stage: Stage) -> tuple[Mapping[str, Any], ...]:
        return self.kinds if stage.on_device else self.processors

    def _entries(self, kind: Mapping[str, Any]) -> Mapping[str, Any]:
        entries: Mapping[str, Any] = kind["scales"].get(self.scale, {})
        return entries

    def _known(self, kind: Mapping[str, Any], stage: Stage, wildcards: Mapping[str, str], value: str) -> Any:
        entries = self._entries(kind)
        return next((entries[key] for key in keys_of(stage, wildcards) if value in entries.get(key, ())), None)


def keys_of(stage: Stage, wildcards: Mapping[str, str]) -> Iterator[str]:
    """What a job is compared with, the nearest first: dataset, architectures and method; dataset; the stage alone."""
    dataset = stage.lookup.seeds[wildcards["dataset"]].dataset
    decisive = (part for part in stage.code(**wildcards) if part != stage.name)
    yield from dict.fromkeys([" ".join([stage.name, dataset, *decisive]), f"{stage.name} {dataset}", stage.name])
