"""The jobs that targets need: who makes which file from which, with seconds and priorities. No torch here."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lacuna.cost.estimates import work_of
from lacuna.errors import LacunaError
from lacuna.files.digests import made_beside
from lacuna.plan.code import FOLDER
from lacuna.plan.names import COLLECTIONS, published_files, refuse_unknown
from lacuna.plan.plan import Plan
from lacuna.plan.published import COPIES, Kind
from lacuna.plan.stage import flat
from lacuna.plan.stages.attack import OTHERS


@dataclass(frozen=True)
class Job:
    """One job: its name, what it is of (a stage, ``code`` or ``publish``), its seconds, and the jobs it waits for.

    The highest ``priority`` of the jobs that are ready starts first. ``on_device`` is whether it uses a GPU where there
    is one, ``memory`` the gigabytes it asks for, and not ``known`` says that more seconds come on top.
    """

    name: str
    kind: str
    seconds: float
    needs: tuple[str, ...] = ()
    priority: int = 0
    on_device: bool = False
    memory: float = 0
    known: bool = True


@dataclass(frozen=True)
class _Maker:
    """Which rule makes some files, for which wildcards, from which files."""

    rule: str
    wildcards: Mapping[str, str]
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]

    @property
    def key(self) -> str:
        """What names the job."""
        return self.outputs[0]


@dataclass
class Needed:
    """Finds the jobs that targets need: of the ``whole``, or of what is not there or is made ``again``.

    As Snakemake does, it passes over a file that is not there where all that was made from it is. A job whose input
    another job makes is done too.
    """

    plan: Plan
    whole: bool = False
    again: set[str] = field(default_factory=set)
    jobs: dict[str, Job] = field(default_factory=dict)  # each after those that it needs
    _earlier: set[str] = field(default_factory=set)  # the jobs of the round before
    _seen: dict[str, bool] = field(default_factory=dict)
    _makers: dict[str, _Maker | None] = field(default_factory=dict)

    def find(self, paths: Iterable[str]) -> dict[str, Job]:
        """The jobs that make files, and all that these wait for; in rounds, until no job follows from another."""
        while True:
            self.jobs, self._seen = {}, {}
            for path in paths:
                self._add(path)
            if self.jobs.keys() == self._earlier:
                return self.jobs
            self._earlier = {*self.jobs}

    def _add(self, path: str) -> bool:
        """Adds the job that makes a file, and all that it waits for; gives whether it is to be done."""
        maker = self._maker(path)
        if maker is None:
            return False
        if maker.key not in self._seen:
            self._seen[maker.key] = self._visit(maker)
        return self._seen[maker.key]

    def _visit(self, maker: _Maker) -> bool:
        if not self._is_due(maker) and not any(self._add(path) for path in maker.inputs if self._counts(path)):
            return False
        needs = dict.fromkeys(found.key for path in maker.inputs if self._add(path) and (found := self._maker(path)))
        self.jobs[maker.key] = self._job(maker, tuple(needs))
        return True

    def _counts(self, path: str) -> bool:
        """Whether an input of a finished job may ask for it anew: it is there, or is made in any case."""
        return Path(path).exists() or ((maker := self._maker(path)) is not None and maker.key in self._earlier)

    def _is_due(self, maker: _Maker) -> bool:
        """Whether a job is to be done whatever becomes of its inputs."""
        if self.whole:
            return True
        if maker.rule.startswith("code_"):  # before a plan a run writes digests itself, where something was made
            return not Path(maker.key).exists() and not self._is_something_made
        return any(not Path(path).exists() or path in self.again for path in maker.outputs)

    @cached_property
    def _is_something_made(self) -> bool:
        return Path(FOLDER).parent.exists() and made_beside(Path(FOLDER))

    def _job(self, maker: _Maker, needs: tuple[str, ...]) -> Job:
        work, stage = work_of(self.plan, maker.rule, maker.wildcards), self.plan.stage_of(maker.rule)
        if stage is None:
            return Job(work.name, maker.rule.partition("_")[0], work.whole, needs)
        asked = stage.memory(**maker.wildcards) or OTHERS * stage.on_device
        order = stage.priority(**maker.wildcards)
        return Job(work.name, stage.name, work.whole, needs, order, stage.on_device, asked, work.known)

    def _maker(self, path: str) -> _Maker | None:
        """What makes a file; None for a file that is brought."""
        if path not in self._makers:
            self._makers[path] = self._find_maker(path)
        return self._makers[path]

    def _find_maker(self, path: str) -> _Maker | None:
        if path in self._copies:
            return self._copies[path]
        if path in self._code:
            return _Maker(f"code_{self._code[path]}", {}, (path,), ())
        if not path.startswith("results/"):
            return None
        place = self.plan.paths.parse(path)
        stage = self.plan.stages[place.stage]
        outputs = tuple(stage.path(name, **place.wildcards) for name in (*stage.outputs, *stage.renderings))
        digests = [self.plan.code[part].digests for part in stage.code(**place.wildcards)]
        return _Maker(stage.name, place.wildcards, outputs, (*flat(stage.inputs(**place.wildcards)), *digests))

    @cached_property
    def _code(self) -> dict[str, str]:
        return {part.digests: name for name, part in self.plan.code.items()}

    @cached_property
    def _copies(self) -> dict[str, _Maker]:
        return {copy: maker for maker in self._publishers() for copy in maker.outputs}

    def _publishers(self) -> Iterator[_Maker]:
        lookup, published = self.plan.lookup, self.plan.published
        kinds: dict[Kind, Iterable[str]] = {
            "table": lookup.tables,
            "figure": lookup.figures,
            "claims": lookup.claimed,
        }
        originals = {"table": published.table, "figure": published.figure, "claims": published.claims}
        for kind, names in kinds.items():
            for name in names:
                copies = tuple(copy.format(name) for copy in COPIES[kind])
                yield _Maker(f"publish_{kind}", {"exhibit": name}, copies, tuple(originals[kind](name)))


def jobs_of(plan: Plan, targets: Iterable[str], whole: bool = False, again: Iterable[str] = ()) -> dict[str, Job]:
    """The jobs that targets still need, or of the ``whole``, by the first file of each, and each after its needs.

    Raises `LacunaError` for a target that no job makes.
    """
    try:
        return Needed(plan, whole, {*again}).find(files_of(plan, [*targets]))
    except KeyError as error:
        raise LacunaError(f"{error} is made by no job of scale {plan.config.scale}; allowed: {ALLOWED}") from None


ALLOWED = "files of tables and figures, `tables`, `figures`, `all`, and files below results/"


def files_of(plan: Plan, targets: list[str]) -> list[str]:
    """The files that targets stand for. Raises `LacunaError` for a target that stands for none."""
    refuse_unknown(plan, targets)
    every = published_files(plan)
    found: list[str] = []
    for target in targets:
        if target in ("all", "tables", "figures"):
            found += [file for file in every if target == "all" or file.startswith(target)]
        elif target in every or target.startswith("results/"):
            found.append(target)
        else:
            what = "a rule that collects" if target in COLLECTIONS else "no file that is made here"
            raise LacunaError(f"{target} is {what}; allowed: {ALLOWED}")
    return found
