"""How far a whole run is: one line on stderr from time to time, from the main process, beside the lines of its jobs."""

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from lacuna.jobs.progress import Say, clock, say_to_stderr
from lacuna.plan.learnt import BEGIN

FIRST, LONGEST, SHARE = 60.0, 1800.0, 20  # seconds before the first line, and between two: a share of what passed
STEP = 1.0  # seconds between two looks
TRUST = 20.0  # seconds of jobs that weigh as much as what was expected of them
ALMOST, LATE = 0.95, 0.25  # how far a job is that takes longer than expected, and what it still takes of what it took
SOON = 12 * 3600  # seconds until an end that is said without its day


@dataclass(frozen=True)
class Work:
    """A job by its name, with the seconds that are expected; not ``known`` where more comes on top.

    ``begin`` are the seconds that it takes besides its work.
    """

    name: str
    seconds: float
    known: bool = True
    begin: float = BEGIN

    @property
    def whole(self) -> float:
        """Seconds from its start to its end."""
        return self.seconds + self.begin


@dataclass
class Overview:
    """What is known of a run: the jobs with the work that each is, when it and they started, what finished ones took.

    ``walls`` are the seconds of each finished job; 0 of one that was over between two looks, so that sums stay right.

    All times are seconds of one clock.
    """

    jobs: Mapping[Hashable, Work]
    start: float
    begun: dict[Hashable, float] = field(default_factory=dict)
    took: float = 0
    expected: float = 0
    ended: set[Hashable] = field(default_factory=set)
    walls: dict[Hashable, float] = field(default_factory=dict)

    def look(self, now: float, running: Iterable[Hashable], is_finished: Callable[[Hashable], bool]) -> None:
        """Notes which jobs are at work and which are finished; one that failed and waits for a retry is neither."""
        here = {job for job in running if job in self.jobs and job not in self.ended}
        for job in self.jobs.keys() - self.ended - here:
            if is_finished(job):
                self._end(job, now)
        self.begun = {job: self.begun.get(job, now) for job in here}

    def _end(self, job: Hashable, now: float) -> None:
        self.ended.add(job)
        self.walls[job] = now - self.begun.get(job, now)
        if job in self.begun:
            self.took += now - self.begun[job]
            self.expected += self.jobs[job].whole

    def left(self, now: float) -> float:
        """Seconds until the expected end.

        What is finished, and the share of what is at work, was done since the start. The rest is expected to go on as
        quickly, and no sooner than the longest job at work ends. A job that takes longer than expected says as much
        about the others as a finished one.
        """
        passed = {job: now - begun for job, begun in self.begun.items()}
        whole = {job: work.whole for job, work in self.jobs.items()}
        late = [job for job in passed if passed[job] > whole[job]]
        took, expected = sum(passed[job] for job in late), sum(whole[job] for job in late)
        slower = (TRUST + self.took + took) / (TRUST + self.expected + expected)
        done = sum(whole[job] for job in self.ended)
        done += sum(min(passed[job] / slower, ALMOST * whole[job]) for job in passed)
        rest = sum(whole.values()) - done
        rate = done / max(now - self.start, STEP) or 1
        longest = (max(slower * whole[job] - passed[job], LATE * passed[job] * (job in late)) for job in passed)
        return max([rest / rate, *longest])

    def sentence(self, now: float, wall: float) -> str:
        """The line: jobs done of all, the expected end, the longest job at work. ``wall`` is the Unix time of now."""
        left = self.left(now)
        form = "%H:%M" if left < SOON else "%a %d %b %H:%M"
        end = time.strftime(form, time.localtime(wall + left))
        least = "" if all(self.jobs[job].known for job in self.jobs.keys() - self.ended) else "at least "
        counts = f"{len(self.ended)} of {len(self.jobs)} jobs done, {least}about {clock(left)} left (until {end})"
        return f"Run: {counts}{self._longest(now)}"

    def _longest(self, now: float) -> str:
        if not self.begun:
            return ""
        job, begun = min(self.begun.items(), key=lambda one: one[1])
        work = self.jobs[job]
        expected = f" of about {clock(work.seconds)}" if work.seconds else ""
        return f"; longest now: {work.name}, {clock(now - begun)}{expected}"


def watch(
    jobs: Mapping[Hashable, Work],
    running: Callable[[], Iterable[Hashable]],
    is_finished: Callable[[Hashable], bool],
    say: Say = say_to_stderr,
) -> Callable[[], Overview]:
    """Follows a run in a thread of its own, and says a line where it takes longer than a minute; gives what ends that.

    ``running`` are the jobs at work, or waiting in Slurm's queue. The end gives what was seen.
    """
    over = threading.Event()
    overview = Overview(jobs, time.monotonic())

    def look() -> float:
        now = time.monotonic()
        with suppress(RuntimeError):  # Snakemake's set changed meanwhile; the next look sees it
            overview.look(now, [*running()], is_finished)
        return now

    def repeat() -> None:
        due = overview.start + FIRST
        while not over.wait(STEP):
            now = look()
            if now >= due and len(overview.ended) < len(jobs):
                say(overview.sentence(now, time.time()))
                due = now + min(max(FIRST, (now - overview.start) / SHARE), LONGEST)

    def end() -> Overview:
        over.set()
        thread.join(STEP)
        look()
        return overview

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    return end
