"""A run before it is run: jobs on the slots of a machine, in Snakemake's order. Every number here is estimated."""

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from lacuna.cost.targets import Job
from lacuna.errors import LacunaError

CORE, GPU = "core", "GPU"
EQUAL = 1e-9  # share by which two ends of jobs may differ and still be one moment


@dataclass(frozen=True)
class Machine:
    """What jobs run on: ``cores``, each with one job at a time, and GPUs, each with several.

    ``memory`` is what the jobs of one GPU may ask for together, in GB. Of k jobs on a GPU each runs at a speed of
    1 / (1 + slowdown (k - 1)): ``slowdown`` is 0 where they do not slow each other, and 1 where they take turns.
    Where there are no GPUs every job takes a core; else only those do that use no GPU.
    """

    cores: int
    gpus: int = 0
    jobs_per_gpu: int = 1
    memory: float = inf
    slowdown: float = 0

    @property
    def slots(self) -> list[tuple[str, int, int]]:
        """Every slot: its kind, the number of its core or GPU, and which of the GPU's jobs it holds."""
        gpus = [(GPU, gpu, lane) for gpu in range(self.gpus) for lane in range(self.jobs_per_gpu)]
        return [*gpus, *((CORE, core, 0) for core in range(self.cores))]


@dataclass(frozen=True)
class Span:
    """One job on one slot, from ``start`` to ``end`` in seconds since the first job began."""

    job: str
    slot: tuple[str, int, int]
    start: float
    end: float


@dataclass
class Schedule:
    """Which job runs where and when."""

    jobs: Mapping[str, Job]
    machine: Machine
    spans: list[Span] = field(default_factory=list)

    @property
    def makespan(self) -> float:
        """Seconds from the first start to the last end."""
        return max((span.end for span in self.spans), default=0)

    def idle(self, kind: str) -> float:
        """The share of the time of all slots of a kind in which they have no job."""
        count = sum(slot[0] == kind for slot in self.machine.slots)
        busy = sum(span.end - span.start for span in self.spans if span.slot[0] == kind)
        return 1 - busy / (count * self.makespan) if count and self.makespan else 0


def critical_path(jobs: Mapping[str, Job]) -> list[str]:
    """The chain of jobs, each of which waits for the one before, that takes longest; ``jobs`` stand after their needs.

    No number of slots makes a run shorter than it.
    """
    ends: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for key, job in jobs.items():
        before[key] = max(job.needs, key=ends.__getitem__, default=None)
        ends[key] = job.seconds + (ends[last] if (last := before[key]) is not None else 0)
    path: list[str] = []
    one = max(ends, key=ends.__getitem__, default=None)
    while one is not None:
        path.append(one)
        one = before[one]
    return path[::-1]


def simulate(jobs: Mapping[str, Job], machine: Machine) -> Schedule:
    """The schedule of jobs, each of which stands after its needs: whoever is ready takes a free slot.

    As with Snakemake's scheduler, a higher priority goes first, and a job that finds no room lets others pass. Of equal
    priorities the first in the plan goes first, where Snakemake takes any. Raises `LacunaError` for a job that no slot
    has room for.
    """
    return _Run(jobs, machine).finish()


class _Run:
    """The run at one moment: who waits, who is ready, what is left of the jobs at work."""

    def __init__(self, jobs: Mapping[str, Job], machine: Machine) -> None:
        self.jobs, self.machine, self.now = jobs, machine, 0.0
        self.schedule = Schedule(jobs, machine)
        self.waits = {key: len(job.needs) for key, job in jobs.items()}
        self.followers: dict[str, list[str]] = {key: [] for key in jobs}
        for key, job in jobs.items():
            for need in job.needs:
                self.followers[need].append(key)
        self.order = {key: (-job.priority, place) for place, (key, job) in enumerate(jobs.items())}
        self.ready = sorted((key for key in jobs if not self.waits[key]), key=self.order.__getitem__)
        self.free = list(machine.slots)
        self.work: dict[str, tuple[tuple[str, int, int], float]] = {}  # slot and start of each job at work
        self.left: dict[str, float] = {}

    def finish(self) -> Schedule:
        """Runs all jobs."""
        while self.ready or self.work:
            self._begin()
            if not self.work:
                raise LacunaError(f"{self.jobs[self.ready[0]].name} finds no room on this machine; allowed: {ROOM}")
            self._advance()
        return self.schedule

    def _begin(self) -> None:
        """Gives free slots to ready jobs, in their order."""
        for key in list(self.ready):
            if not self.free:
                return
            if (slot := self._slot(self.jobs[key])) is not None:
                self.ready.remove(key)
                self.free.remove(slot)
                self.work[key], self.left[key] = (slot, self.now), self.jobs[key].seconds

    def _slot(self, job: Job) -> tuple[str, int, int] | None:
        """A free slot with room for the job, on the GPU that has the fewest; None where there is none."""
        kind = GPU if job.on_device and self.machine.gpus else CORE
        found = [slot for slot in self.free if slot[0] == kind]
        if kind == GPU:
            found = [slot for slot in found if self._memory(slot[1]) + job.memory <= self.machine.memory]
        return min(found, key=lambda slot: (self._beside(slot), slot), default=None)

    def _memory(self, gpu: int) -> float:
        return sum(self.jobs[key].memory for key, (slot, _) in self.work.items() if slot[:2] == (GPU, gpu))

    def _beside(self, slot: tuple[str, int, int]) -> int:
        """How many jobs are on the core or GPU of a slot."""
        return sum(other[:2] == slot[:2] for other, _ in self.work.values())

    def _advance(self) -> None:
        """Goes on to the next end of a job."""
        slower = {key: 1 + self.machine.slowdown * (self._beside(slot) - 1) for key, (slot, _) in self.work.items()}
        ends = {key: self.left[key] * slower[key] for key in self.work}
        step = min(ends.values())
        self.now += step
        for key in list(self.work):
            self.left[key] -= step / slower[key]
            if ends[key] <= step * (1 + EQUAL):
                self._end(key)

    def _end(self, key: str) -> None:
        slot, start = self.work.pop(key)
        del self.left[key]
        self.schedule.spans.append(Span(key, slot, start, self.now))
        insort(self.free, slot)
        for follower in self.followers[key]:
            self.waits[follower] -= 1
            if not self.waits[follower]:
                insort(self.ready, follower, key=self.order.__getitem__)


ROOM = "a machine with a core, and with GPUs whose memory holds the largest job"
