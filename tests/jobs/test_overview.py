"""The line about a whole run: jobs done, the expected end, the longest job; only where the run is long."""

import random
import re
import time
from collections.abc import Iterator

import pytest

from lacuna.jobs import overview
from lacuna.jobs.overview import BEGIN, Overview, Work, watch

HOUR = 3600.0


def run(works: list[Work], slots: int, slower: float = 1, until: float = 1e9) -> Iterator[tuple[float, Overview]]:
    """A run of jobs that take ``slower`` times what is expected, the longest first, seen once a second."""
    jobs = dict(enumerate(works))
    found, now = Overview(jobs, 0), 0.0
    waiting = sorted(jobs, key=lambda job: jobs[job].seconds)
    busy: dict[int, float] = {}
    done: set[int] = set()
    while len(done) < len(jobs) and now < until:
        done |= {job for job, end in busy.items() if end <= now}
        busy = {job: end for job, end in busy.items() if end > now}
        while waiting and len(busy) < slots:
            job = waiting.pop()
            busy[job] = now + slower * (jobs[job].seconds + BEGIN)
        found.look(now, busy, done.__contains__)
        yield now, found
        now += 1


@pytest.mark.parametrize("slots", [1, 2, 7])
@pytest.mark.parametrize("slower", [0.5, 1, 3])
def test_the_expected_end_comes_near_the_true_one(slots: int, slower: float) -> None:
    draw = random.Random(slots)
    works = [Work(f"train {i}", draw.uniform(60, 240)) for i in range(40)]
    looks = [(now, one.left(now)) for now, one in run(works, slots, slower)]
    end = looks[-1][0]
    for now, left in looks:
        if end / 3 < now < end * 0.9:
            assert now + left == pytest.approx(end, rel=0.15)
    assert looks[-1][1] < 10


def test_before_anything_is_finished_the_costs_decide() -> None:
    works = [Work(f"train {i}", 600) for i in range(8)]
    (now, one) = [*run(works, 2, until=61)][-1]
    assert one.left(now) == pytest.approx(4 * (600 + BEGIN) - now, rel=0.05)


def test_it_ends_no_sooner_than_the_longest_job() -> None:
    works = [Work("train long", 1000), *(Work(f"table {i}", 1) for i in range(50))]
    (now, one) = [*run(works, 8, until=200)][-1]
    assert len(one.ended) == 50
    assert one.left(now) >= 1000 + BEGIN - now - 1


def test_a_job_that_takes_longer_than_expected_is_never_done_and_the_end_stays_ahead() -> None:
    for now, one in run([Work("train", 100)], 1, slower=20):
        assert one.left(now) >= 0
        if not one.ended and now > 60:
            assert one.left(now) > 0


def test_the_line_states_counts_end_and_the_longest_job() -> None:
    jobs = {"a": Work("train a", 100), "b": Work("train b", 100), "c": Work("table c", 0)}
    one = Overview(jobs, 0)
    one.look(0, ["a", "b"], lambda job: False)
    one.look(110, ["b", "c"], lambda job: job == "a")
    said = one.sentence(110, 0)
    end = r"about \d+ s left \(until \d\d:\d\d\)"
    assert re.fullmatch(rf"Run: 1 of 3 jobs done, {end}; longest now: train b, 1 min 50 s of about 1 min 40 s", said)


def test_code_of_the_users_own_makes_it_the_least_that_is_left() -> None:
    jobs = {"a": Work("attack a", 0, known=False), "b": Work("table b", 0)}
    one = Overview(jobs, 0)
    one.look(5, ["a"], lambda job: False)
    assert "0 of 2 jobs done, at least about " in one.sentence(5, 0)
    one.look(9, ["b"], lambda job: job == "a")
    assert "at least" not in one.sentence(9, 0)


def test_a_far_end_is_said_with_its_day() -> None:
    one = Overview({"a": Work("train a", 50 * HOUR)}, 0)
    one.look(0, ["a"], lambda job: False)
    assert re.search(r"about 50 h 00 min left \(until \w{3} \d\d \w{3} \d\d:\d\d\)", one.sentence(1, 0))


def test_a_job_that_failed_and_is_tried_again_begins_anew() -> None:
    one = Overview({"a": Work("train a", 100)}, 0)
    one.look(0, ["a"], lambda job: False)
    one.look(50, [], lambda job: False)
    one.look(60, ["a"], lambda job: False)
    assert one.begun == {"a": 60}
    assert one.ended == set()


def test_jobs_that_are_none_of_the_plan_pass() -> None:
    one = Overview({"a": Work("train a", 100)}, 0)
    one.look(0, ["a", "other"], lambda job: False)
    assert one.begun.keys() == {"a"}


def test_a_short_run_says_nothing_and_a_long_one_until_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "STEP", 0.01)
    said: list[str] = []
    end = watch({"a": Work("train a", 100)}, lambda: ["a"], lambda job: False, said.append)
    time.sleep(0.2)
    assert said == []
    end()
    monkeypatch.setattr(overview, "FIRST", 0.1)
    end = watch({"a": Work("train a", 100)}, lambda: ["a"], lambda job: False, said.append)
    time.sleep(0.5)
    end()
    time.sleep(0.1)
    count = len(said)
    assert 2 <= count <= 5
    assert all(line.startswith("Run: 0 of 1 jobs done, ") for line in said)
    time.sleep(0.3)
    assert len(said) == count


def test_a_set_that_changes_while_it_is_read_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "STEP", 0.01)
    monkeypatch.setattr(overview, "FIRST", 0.1)

    def running() -> list[str]:
        raise RuntimeError("Set changed size during iteration")

    said: list[str] = []
    end = watch({"a": Work("train a", 100)}, running, lambda job: False, said.append)
    time.sleep(0.3)
    end()
    assert said


def test_the_end_of_a_run_sees_its_last_jobs_and_how_long_each_took() -> None:
    works = [Work(f"train {i}", 20 + i) for i in range(6)]
    *_, (_, one) = run(works, 2, slower=1.5)
    assert one.walls == pytest.approx({i: 1.5 * work.whole for i, work in enumerate(works) if i in one.ended}, abs=1)
    done: set[str] = set()
    end = watch({"a": Work("a", 1), "b": Work("b", 1)}, lambda: {"a", "b"} - done, done.__contains__)
    done |= {"a", "b"}
    assert end().ended == done


def test_a_job_that_is_over_between_two_looks_counts_with_no_seconds_so_that_sums_stay_right() -> None:
    one = Overview({"a": Work("a", 1)}, 0)
    one.look(1, [], lambda job: True)
    assert one.walls == {"a": 0}
