"""A simulated run of random jobs keeps the bounds of list scheduling, and no slot or GPU beyond what it has."""

import itertools
from collections.abc import Mapping
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lacuna.cost.simulation import GPU, Machine, Schedule, critical_path, simulate
from lacuna.cost.targets import Job
from lacuna.errors import LacunaError

MEMORY = 24.0
NEAR = 1e-6


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Job]:
    """Up to 25 jobs, each of which needs some of those before it."""
    jobs: dict[str, Job] = {}
    for number in range(draw(st.integers(1, 25))):
        needs = draw(st.lists(st.sampled_from(sorted(jobs)), unique=True, max_size=3)) if jobs else []
        seconds = draw(st.floats(0, 1000, allow_subnormal=False) | st.integers(0, 5).map(float))
        priority, memory = draw(st.integers(0, 3)), draw(st.sampled_from([0.0, 5.0, 12.0, MEMORY]))
        jobs[f"{number:02}"] = Job(
            f"train {number}", "train", seconds, tuple(needs), priority, draw(st.booleans()), memory
        )
    return jobs


machines = st.builds(
    Machine,
    cores=st.integers(1, 4),
    gpus=st.integers(0, 3),
    jobs_per_gpu=st.integers(1, 4),
    memory=st.sampled_from([MEMORY, 40.0, inf]),
    slowdown=st.sampled_from([0.0, 0.3, 1.0]),
)


def longest_chain(jobs: Mapping[str, Job]) -> float:
    """By trying every chain from every job."""

    def from_here(key: str) -> float:
        return jobs[key].seconds + max((from_here(need) for need in jobs[key].needs), default=0)

    return max(map(from_here, jobs))


def moments(schedule: Schedule) -> list[float]:
    """A time between any two events."""
    times = sorted({time for span in schedule.spans for time in (span.start, span.end)})
    return [(first + second) / 2 for first, second in itertools.pairwise(times) if second - first > NEAR]


@settings(max_examples=30, deadline=None)
@given(graphs(), machines)
def test_every_job_runs_once_and_after_all_that_it_needs(jobs: dict[str, Job], machine: Machine) -> None:
    spans = {span.job: span for span in simulate(jobs, machine).spans}
    assert spans.keys() == jobs.keys()
    for key, job in jobs.items():
        assert all(spans[need].end <= spans[key].start + NEAR for need in job.needs)
        assert spans[key].end - spans[key].start >= job.seconds - NEAR


@settings(max_examples=30, deadline=None)
@given(graphs(), machines)
def test_no_slot_works_twice_at_a_time_and_no_gpu_beyond_its_memory(jobs: dict[str, Job], machine: Machine) -> None:
    schedule = simulate(jobs, machine)
    for moment in moments(schedule):
        busy = [span for span in schedule.spans if span.start < moment < span.end]
        assert len({span.slot for span in busy}) == len(busy)
        assert {span.slot for span in busy} <= {*machine.slots}
        for gpu in range(machine.gpus):
            beside = [jobs[span.job] for span in busy if span.slot[:2] == (GPU, gpu)]
            assert len(beside) <= machine.jobs_per_gpu
            assert sum(job.memory for job in beside) <= machine.memory
    if machine.gpus:
        assert all((span.slot[0] == GPU) == jobs[span.job].on_device for span in schedule.spans)


@settings(max_examples=30, deadline=None)
@given(graphs(), st.integers(1, 5))
def test_the_makespan_lies_between_the_bounds_of_any_list_schedule(jobs: dict[str, Job], cores: int) -> None:
    """Graham, Bounds on Multiprocessing Timing Anomalies, 1969."""
    makespan, total = simulate(jobs, Machine(cores)).makespan, sum(job.seconds for job in jobs.values())
    path = sum(jobs[key].seconds for key in critical_path(jobs))
    assert path == pytest.approx(longest_chain(jobs))
    assert makespan >= max(path, total / cores) - NEAR
    assert makespan <= total / cores + (1 - 1 / cores) * path + NEAR


@settings(max_examples=30, deadline=None)
@given(graphs())
def test_one_slot_takes_the_sum_and_as_many_as_jobs_the_critical_path(jobs: dict[str, Job]) -> None:
    one, many = simulate(jobs, Machine(1)), simulate(jobs, Machine(len(jobs)))
    assert one.makespan == pytest.approx(sum(job.seconds for job in jobs.values()))
    assert one.idle("core") == pytest.approx(0, abs=NEAR)
    assert many.makespan == pytest.approx(sum(jobs[key].seconds for key in critical_path(jobs)))


@settings(max_examples=30, deadline=None)
@given(graphs(), st.integers(1, 4), st.integers(1, 3))
def test_idle_shares_and_work_make_up_the_time_of_all_slots(jobs: dict[str, Job], cores: int, gpus: int) -> None:
    schedule = simulate(jobs, Machine(cores, gpus, 2))
    counts = {"core": cores, GPU: 2 * gpus}
    worked = sum(counts[kind] * (1 - schedule.idle(kind)) * schedule.makespan for kind in counts)
    if schedule.makespan:
        assert worked == pytest.approx(sum(job.seconds for job in jobs.values()))


def independent(*seconds: float, **how: Any) -> dict[str, Job]:
    return {str(number): Job(str(number), "train", one, **how) for number, one in enumerate(seconds)}


def test_the_highest_priority_starts_first_and_the_order_of_the_plan_decides_equals() -> None:
    jobs = {name: Job(name, "train", 10, priority=p) for name, p in (("a", 0), ("b", 2), ("c", 1), ("d", 2))}
    spans = sorted(simulate(jobs, Machine(1)).spans, key=lambda span: span.start)
    assert [span.job for span in spans] == ["b", "d", "c", "a"]


def test_jobs_that_take_turns_take_the_sum_and_those_that_do_not_slow_each_other_the_longest() -> None:
    jobs = independent(30, 60, 90, on_device=True)
    assert simulate(jobs, Machine(1, 1, 3)).makespan == 90
    assert simulate(jobs, Machine(1, 1, 3, slowdown=1)).makespan == pytest.approx(180)
    half = simulate(jobs, Machine(1, 1, 3, slowdown=0.5))  # speeds 1/2, then 2/3, then 1
    assert {span.job: span.end for span in half.spans} == pytest.approx({"0": 60, "1": 105, "2": 135})


def test_jobs_spread_over_the_gpus_before_they_share_one() -> None:
    schedule = simulate(independent(10, 10, 10, on_device=True), Machine(1, 3, 4))
    assert {span.slot[1] for span in schedule.spans} == {0, 1, 2}


def test_a_small_job_passes_a_large_one_that_finds_no_memory() -> None:
    jobs = {
        "a": Job("a", "train", 10, on_device=True, memory=20, priority=3),
        "large": Job("large", "train", 10, on_device=True, memory=20, priority=2),
        "small": Job("small", "train", 10, on_device=True, memory=4, priority=1),
    }
    starts = {span.job: span.start for span in simulate(jobs, Machine(1, 1, 4, memory=24)).spans}
    assert starts == {"a": 0, "small": 0, "large": 10}


def test_a_job_that_no_gpu_has_room_for_is_refused_by_name() -> None:
    with pytest.raises(LacunaError, match=r"^large finds no room on this machine; allowed: "):
        simulate({"l": Job("large", "train", 1, on_device=True, memory=61)}, Machine(1, 2, 1, memory=40))


def test_nothing_to_do_takes_no_time() -> None:
    schedule = simulate({}, Machine(2))
    assert (schedule.makespan, schedule.idle("core"), critical_path({})) == (0, 0, [])
