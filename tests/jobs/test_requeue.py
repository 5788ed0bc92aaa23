"""A Slurm job whose time ends keeps its state first and is queued again; a refusal is one sentence."""

import math
import time
from pathlib import Path

import pytest
import torch

from lacuna.errors import TimeIsUp
from lacuna.files import states
from lacuna.files.slurm import RUN, seconds_left
from lacuna.files.states import SLOWER, SPARE, Resumable
from lacuna.jobs import requeue as requeues
from lacuna.jobs.requeue import requeue

TENSORS = {"a": torch.arange(3)}


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for programs that stand in for Slurm's, in the environment of a job that a run submitted."""
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv(RUN, str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(requeues, "PAUSE", 0.01)
    monkeypatch.setattr(requeues, "PATIENCE", 5)
    monkeypatch.setattr(requeues, "KILLED", 0)
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0:00", 0), ("45", 45), ("1:05", 65), ("2:00:01", 7201), ("3-00:00:00", 259200), ("1-2:03:04", 93784)],
)
def test_the_time_left_is_what_the_queue_says(slurm: Path, text: str, seconds: float) -> None:
    program(slurm, "squeue", f'test "$*" = "--noheader --format=%L --jobs=17" && echo " {text}"')
    assert seconds_left() == seconds


@pytest.mark.parametrize("script", ["echo UNLIMITED", "echo NOT_SET", "echo", "exit 1", "echo 1:2:3:4:5", "echo -1"])
def test_a_queue_that_says_nothing_of_the_time_sets_no_end(slurm: Path, script: str) -> None:
    program(slurm, "squeue", script)
    assert seconds_left() is None
    assert Resumable(slurm / "state", "d").end == math.inf


@pytest.mark.parametrize("variable", ["SLURM_JOB_ID", RUN])
def test_somebodys_own_allocation_is_not_the_runs_to_end(
    slurm: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(slurm, "squeue", "echo 1:00")
    assert seconds_left() == 60
    monkeypatch.delenv(variable)
    assert seconds_left() is None


@pytest.mark.parametrize("longest", [1.0, 40.0, 300.0])
def test_a_job_stops_with_its_state_kept_before_a_step_would_be_too_long(
    slurm: Path, longest: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(states.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(states, "seconds_left", lambda: 3600.0)
    state, done = Resumable(slurm / "state", "d"), 0
    with pytest.raises(TimeIsUp):  # noqa: PT012
        while True:
            now[0] += longest
            done += 1
            state.save(done, TENSORS)
    assert state.load()[0] == done
    left = 1000 + 3600 - now[0]
    assert left < SLOWER * longest + SPARE <= left + longest


def test_one_slow_step_is_remembered(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(states.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(states, "seconds_left", lambda: 1000.0)
    state = Resumable(slurm / "state", "d")
    for step in (500.0, 1.0):
        now[0] += step
        with pytest.raises(TimeIsUp):
            state.save(1, TENSORS)


def test_a_job_is_queued_again_under_its_number(slurm: Path) -> None:
    program(slurm, "scontrol", f'echo "$@" >>{slurm}/asked')
    said: list[str] = []
    with pytest.raises(SystemExit):
        requeue(said.append)
    assert (slurm / "asked").read_text() == "requeue 17\n"
    assert said == ["the time of Slurm job 17 ends soon; it is queued again and goes on from what is kept"]


@pytest.mark.parametrize(
    "reason",
    [
        "Requested operation is presently disabled for job 17",
        "slurm_requeue error: Access/permission denied",
        "Invalid job id specified",
    ],
)
def test_a_refusal_is_one_sentence_and_not_repeated(slurm: Path, reason: str) -> None:
    program(slurm, "scontrol", f"echo '{reason}' >&2; echo x >>{slurm}/asked; exit 1")
    said: list[str] = []
    with pytest.raises(SystemExit) as ended:
        requeue(said.append)
    assert ended.value.code == 1
    assert (slurm / "asked").read_text() == "x\n"
    assert said[1].startswith(f"error: Slurm does not queue job 17 again ({reason}); the same command goes on")
    assert "\n" not in said[1]


def test_a_controller_that_is_away_is_asked_again(slurm: Path) -> None:
    away = f"test $(wc -l <{slurm}/asked) -ge 3 || {{ echo 'Unable to contact slurm controller' >&2; exit 1; }}"
    program(slurm, "scontrol", f"echo x >>{slurm}/asked; {away}")
    said: list[str] = []
    with pytest.raises(SystemExit):
        requeue(said.append)
    assert len((slurm / "asked").read_text()) == 6
    assert len(said) == 1


def test_nobody_to_ask_is_said_in_time(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(slurm))
    monkeypatch.setattr(requeues, "PATIENCE", 0.05)
    said: list[str] = []
    start = time.monotonic()
    with pytest.raises(SystemExit):
        requeue(said.append)
    assert time.monotonic() - start < 5
    assert "scontrol" in said[1]
