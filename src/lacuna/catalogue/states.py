"""Whether an exhibit is there, by what lies below results/ and by its records. No torch here.

Records decide, and no file that has one is read whole: `make verify` does that, and ``--check`` asks Snakemake.
"""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Literal

from lacuna.errors import LacunaError
from lacuna.files.artefacts import provenance_path
from lacuna.plan.again import changed_code, made_again
from lacuna.plan.plan import Plan
from lacuna.plan.shown import Kind
from lacuna.plan.stage import Artefact
from lacuna.versioning.anchors import Anchors, read_anchors

State = Literal["built", "pulled", "other settings", "missing"]
MEANINGS: dict[State, str] = {
    "built": "its files are there, and the records of all that is there fit the configuration",
    "pulled": "as built, and git holds the digest of this version: it was fetched, or published from here",
    "other settings": "its files are there; some were made with other settings or by other code than now",
    "missing": "its files are not there, or not all of them",
}


class States:
    """The states of the exhibits of one plan, in the checkout that is the working directory."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def of(self, kind: Kind, name: str) -> State:
        """The state of a table or a figure."""
        if not all(Path(path).is_file() for path in self._files(kind, name)):
            return "missing"
        if self._is_old(kind, name):
            return "other settings"
        return "pulled" if self._is_held(kind, name) else "built"

    @cached_property
    def again(self) -> set[str]:
        """The files that are there and that a run would make again, of all exhibits."""
        return made_again(self.plan, [], self._changed).paths

    def made_of(self, kind: Kind, name: str) -> list[str]:
        """The files that a figure is drawn from, or a table's cells."""
        inventory = self.plan.inventory
        return [inventory.cells_of(name)] if kind == "table" else inventory.drawn_from(name)

    def chain(self, kind: Kind, name: str) -> list[Artefact]:
        """All files with a record that a table or a figure is made from, each after its inputs."""
        return self.plan.inventory.chain(*self.made_of(kind, name))

    def _files(self, kind: Kind, name: str) -> list[str]:
        return self.plan.published.table(name) if kind == "table" else self.plan.published.figure(name)

    def _is_old(self, kind: Kind, name: str) -> bool:
        code = self.plan.stages[kind].code(**self.plan.lookup.wildcards_of(name))
        return any(one.path in self.again for one in self.chain(kind, name)) or bool(self._changed.keys() & {*code})

    def _is_held(self, kind: Kind, name: str) -> bool:
        """Whether git holds the records of all that an exhibit is made of, and those that lie here are no others."""
        records = [str(provenance_path(path)) for path in self.made_of(kind, name) if path.startswith("results/")]
        return bool(records) and all(map(self._anchors.committed, records)) and _same(self._anchors, records)

    @cached_property
    def _changed(self) -> dict[str, list[str]]:
        return changed_code(self.plan, Path())

    @cached_property
    def _anchors(self) -> Anchors:
        return read_anchors(f"results/{self.plan.config.scale}")


def _same(anchors: Anchors, records: Iterable[str]) -> bool:
    try:
        for record in records:
            anchors.refuse_others(record)
    except LacunaError:
        return False
    return True
