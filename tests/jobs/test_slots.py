"""Jobs of several processes on trial GPUs: no GPU has more jobs or memory than it may, and kill -9 frees a slot."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from lacuna.errors import LacunaError
from lacuna.jobs import slots
from lacuna.jobs.gpus import known_gpus
from lacuna.jobs.slots import take_slot

# A job: says its GPU as soon as it has a slot, and ends when its input does.
JOB = """
import os, sys
from lacuna.jobs.gpus import known_gpus
from lacuna.jobs import slots
slots.PATIENCE, slots.PAUSE = float(sys.argv[2]), 0.05
slots.take_slot(known_gpus(), int(sys.argv[1]), f"logs/{sys.argv[1]}.log", lambda line: print(line, flush=True))
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""
LONG, SHORT = 60, 0.2  # seconds
Begin = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where locks lie: as for another machine."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("LACUNA_GPUS", "trial0:24,trial1:24")
    monkeypatch.setenv("LACUNA_JOBS_PER_GPU", "2")
    return tmp_path / f"lacuna-{os.getuid()}/gpus"


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Starts jobs, which end with the test."""
    begun: list[subprocess.Popen[str]] = []

    def start(megabytes: int = 8000, patience: float = LONG, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", JOB, str(megabytes), str(patience)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": os.environ | variables}
        begun.append(subprocess.Popen(command, **pipes))  # type: ignore[call-overload]
        return begun[-1]

    yield start
    for job in begun:
        job.kill()
        job.communicate()


def said(job: subprocess.Popen[str]) -> str:
    """The next line of a job."""
    assert job.stdout
    return job.stdout.readline().strip()


def waits(job: subprocess.Popen[str]) -> str:
    """The line of a job that gets no slot: begun with little patience."""
    line = said(job)
    assert line.startswith("no GPU has room for this job, which waits until one of these ends: process "), line
    return line


def test_jobs_are_spread_and_no_gpu_has_more_than_its_slots(begin: Begin) -> None:
    first = [said(begin()), said(begin())]
    assert first == ["trial0", "trial1"]  # one each before any has two
    running = [begin(), begin()]
    assert {said(one) for one in running} == {"trial0", "trial1"}
    fifth = begin(patience=SHORT)
    assert waits(fifth).count("process ") == 4
    running[0].communicate()
    assert said(fifth) in ("trial0", "trial1")


def test_jobs_that_begin_at_once_get_different_slots(begin: Begin) -> None:
    jobs = [begin() for _ in range(4)]
    assert Counter(map(said, jobs)) == {"trial0": 2, "trial1": 2}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_job_frees_its_slot(begin: Begin, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    monkeypatch.setenv("LACUNA_GPUS", "trial0:8")
    holder = begin()
    assert said(holder) == "trial0"
    waiting = begin(patience=SHORT)
    assert f"process {holder.pid} ({Path('logs/8000.log').absolute()})" in waits(waiting)
    os.kill(holder.pid, number)
    assert said(waiting) == "trial0"


def test_a_suspended_job_keeps_its_slot(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LACUNA_GPUS", "trial0:8")
    holder = begin()
    said(holder)
    os.kill(holder.pid, signal.SIGSTOP)
    waits(begin(patience=SHORT))


def test_jobs_ask_together_for_no_more_than_the_memory(begin: Begin) -> None:
    assert [said(begin(16000)), said(begin(16000))] == ["trial0", "trial1"]
    waits(begin(8001, patience=SHORT))
    assert {said(begin(8000)), said(begin(8000))} == {"trial0", "trial1"}


def test_of_uneven_gpus_a_large_job_takes_the_one_that_holds_it(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LACUNA_GPUS", "trial0:8,trial1:80")
    assert said(begin(30000)) == "trial1"
    waiting = begin(60000, patience=SHORT)
    waits(waiting)
    assert said(begin(8000)) == "trial0"  # passes the one that waits: no GPU is idle


def test_a_job_that_asks_for_more_than_any_gpu_has_gets_the_largest_alone(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LACUNA_GPUS", "trial0:8,trial1:24")
    large = begin(61000)
    assert said(large) == "trial1"
    assert said(begin()) == "trial0"
    waiting = begin(patience=SHORT)
    waits(waiting)
    large.communicate()
    assert said(waiting) == "trial1"


def test_two_runs_with_different_numbers_share_the_gpus(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LACUNA_GPUS", "trial0:24")
    three = [begin(LACUNA_JOBS_PER_GPU="3") for _ in range(2)]
    assert {said(one) for one in three} == {"trial0"}
    waits(begin(patience=SHORT, LACUNA_JOBS_PER_GPU="2"))
    assert said(begin(LACUNA_JOBS_PER_GPU="3")) == "trial0"
    three[0].communicate()
    waits(begin(patience=SHORT, LACUNA_JOBS_PER_GPU="2"))


def test_an_open_folder_or_a_link_in_its_place_is_refused(place: Path) -> None:
    place.parent.mkdir(mode=0o700)
    place.parent.chmod(0o777)
    with pytest.raises(LacunaError, match="is no folder that this user alone may write to; remove it, or set TMPDIR"):
        take_slot(known_gpus(), 0, "log", print)
    place.parent.rmdir()
    place.parent.symlink_to(place.parents[1])
    with pytest.raises(LacunaError, match="is no folder"):
        take_slot(known_gpus(), 0, "log", print)


def test_a_damaged_note_of_a_free_slot_is_written_anew(begin: Begin, place: Path) -> None:
    place.mkdir(parents=True, mode=0o700)
    place.parent.chmod(0o700)
    for number in (1, 2):
        (place / f"trial0.{number}").write_text("{")
    assert said(begin()) == "trial0"
    assert said(begin()) == "trial1"


def test_the_folder_is_locked_while_a_job_is_at_work(begin: Begin, place: Path) -> None:
    """As programs ask that remove old temporary files."""
    job = begin()
    said(job)
    for folder in (place, place.parent):
        assert subprocess.run(["flock", "-xn", folder, "true"]).returncode == 1
    job.communicate()
    assert subprocess.run(["flock", "-xn", place, "true"]).returncode == 0


def test_a_program_that_outlives_its_job_keeps_no_slot(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LACUNA_GPUS", "trial0:8")
    how = "import subprocess; print(subprocess.Popen(['sleep', '30'], stdout=-3, stderr=-3).pid, flush=True)\n"
    command = [sys.executable, "-c", JOB.replace("sys.stdin.read()", how), "8000", "60"]
    gpu, pid = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert gpu == "trial0"
    assert psutil.pid_exists(int(pid))
    assert said(begin()) == "trial0"
    os.kill(int(pid), signal.SIGKILL)


def test_waiting_says_so_once(monkeypatch: pytest.MonkeyPatch, begin: Begin) -> None:
    monkeypatch.setenv("LACUNA_GPUS", "trial0:8")
    holder = begin()
    said(holder)
    waiting = begin(patience=SHORT)
    waits(waiting)
    time.sleep(3 * SHORT)
    holder.communicate()
    assert said(waiting) == "trial0"


def test_a_short_wait_is_not_worth_a_line(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LACUNA_GPUS", "trial0:8")
    holder = begin()
    said(holder)
    waiting = begin(patience=slots.PATIENCE)
    time.sleep(3 * SHORT)
    holder.communicate()
    assert said(waiting) == "trial0"
