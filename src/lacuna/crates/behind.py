"""What lies behind the exhibits of a crate: every file with its record, and what of it may be packed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lacuna.audit.files import claims_artefacts, figure_artefacts
from lacuna.errors import LacunaError
from lacuna.files.artefacts import provenance_path, read_record, refuse_other_bytes
from lacuna.files.records import RecordContent
from lacuna.plan.crates import Parts
from lacuna.plan.inventory import without_repeats
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Artefact

PICTURES = ("dataset", "foreground", "attack")  # stages whose files hold images
SHOWN_SOURCES = ("embedded", "photographs")  # kinds of datasets whose images may be passed on
LEFT_OUT = "{} is left out: it shows images of {}, which are not ours to pass on."


@dataclass(frozen=True)
class Job:
    """What one job made: its stage, its outputs, and their records, as far as these are here."""

    stage: str
    outputs: tuple[Artefact, ...]
    records: dict[str, RecordContent] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The path of its first output, which no other job has."""
        return self.outputs[0].path


class Behind:
    """All files with a record that the parts of a crate rest on, each after its inputs."""

    def __init__(self, plan: Plan, parts: Parts) -> None:
        self.plan, self.parts = plan, parts

    @cached_property
    def artefacts(self) -> list[Artefact]:
        """The files, whether they are here or not."""
        plan, parts = self.plan, self.parts
        tables = plan.inventory.artefacts(*parts.tables) if parts.tables else []
        figures = [one for name in parts.figures for one in figure_artefacts(plan, name)]
        claims = [one for paper in parts.claimed for one in claims_artefacts(plan, paper)]
        return without_repeats([*tables, *figures, *claims])

    @cached_property
    def records(self) -> dict[str, RecordContent]:
        """The records that are here, by the path of their file.

        Raises `LacunaError` for one that was edited, and for a file that is not the one of its record.
        """
        paths = [one.path for one in self.artefacts if provenance_path(one.path).is_file()]
        found = {path: read_record(path) for path in paths}
        for path, record in found.items():
            if Path(path).is_file():
                refuse_other_bytes(path, record)
        return found

    @cached_property
    def jobs(self) -> list[Job]:
        """The files by the job that made them."""
        grouped: dict[tuple[str, str, tuple[str, ...]], list[Artefact]] = {}
        for one in self.artefacts:
            grouped.setdefault((one.stage, one.settings, one.inputs), []).append(one)
        return [
            Job(stage, tuple(made), {one.path: self.records[one.path] for one in made if one.path in self.records})
            for (stage, _, _), made in grouped.items()
        ]

    def refuse_others(self) -> None:
        """Raises `LacunaError` where cells were made from another record than that of the outcomes that lie here."""
        for path, record in self.records.items():
            for name, stated in record.stable.get("records", {}).items():
                if name in self.records and self.records[name].digest != stated:
                    raise LacunaError(f"{path} was made from another {name} than the one here; make {path} again")


def split_figures(plan: Plan, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The figures that may be packed, and a sentence on each of the others."""
    hidden = {name: list(dict.fromkeys(_hidden_datasets(plan, name))) for name in names}
    shown = [name for name, datasets in hidden.items() if not datasets]
    return shown, [LEFT_OUT.format(name, ", ".join(datasets)) for name, datasets in hidden.items() if datasets]


def _hidden_datasets(plan: Plan, figure: str) -> Iterator[str]:
    """The datasets whose images a figure is drawn from and that are not ours to pass on."""
    for path in plan.inventory.drawn_from(figure):
        if not path.startswith("results/"):
            continue
        place = plan.paths.parse(path)
        dataset = plan.lookup.seeds[place.wildcards["dataset"]].dataset
        kind = plan.config.datasets[dataset]["source"]["kind"]
        if place.stage in PICTURES and kind not in SHOWN_SOURCES:
            yield dataset
