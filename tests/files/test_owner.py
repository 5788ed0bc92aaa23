"""One writer per output: races, killed writers, other hosts, Slurm jobs; nothing is left behind."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lacuna.errors import LacunaError
from lacuna.files import owner, processes
from lacuna.files.artefacts import atomic_path
from lacuna.files.owner import confirm_ownership, own_outputs, owner_path
from lacuna.files.processes import this_process

SAID: list[str] = []  # what was said of orphans
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An output, and no Slurm."""
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setattr(owner, "PAUSE", 0.01)
    monkeypatch.setattr(owner, "PATIENCE", 0.2)
    return str(tmp_path / "deep/net.safetensors")


def left(output: str) -> list[str]:
    return sorted(os.listdir(Path(output).parent))


def write_owner(output: str, **changes: Any) -> None:
    """The owner file of another writer: this very process, but for ``changes``."""
    owner_path(output).parent.mkdir(parents=True, exist_ok=True)
    owner_path(output).write_text(json.dumps(this_process() | changes))


def refused(output: str) -> str:
    with pytest.raises(LacunaError) as error, own_outputs([output], SAID.append):
        pass
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_owner_is_named_while_it_works_and_gone_afterwards(output: str) -> None:
    with own_outputs([output, f"{output}.csv"], SAID.append):
        noted = json.loads(owner_path(output).read_text())
        assert noted["pid"] == os.getpid()
        assert noted["host"] == os.uname().nodename
        assert left(output) == [".net.safetensors.csv.owner", ".net.safetensors.owner"]
    assert left(output) == []


@pytest.mark.parametrize("error", [LacunaError("x"), RuntimeError(), KeyboardInterrupt(), SystemExit()])
def test_nothing_is_left_behind_after_a_failure(output: str, error: BaseException) -> None:
    with pytest.raises(type(error)), own_outputs([output], SAID.append):
        raise error
    assert left(output) == []
    with own_outputs([output], SAID.append):
        pass


def test_a_second_writer_is_told_who_writes_and_what_to_do(output: str) -> None:
    with own_outputs([output], SAID.append):
        message = refused(output)
        assert f"{output} is written by process {os.getpid()} on " in message
        assert f"end it (kill {os.getpid()}) and run again" in message
        assert left(output) == [".net.safetensors.owner"]
    assert left(output) == []


def test_of_several_outputs_none_stays_owned_when_one_is_refused(output: str) -> None:
    first = str(Path(output).with_name("a"))
    with own_outputs([output], SAID.append):
        with pytest.raises(LacunaError), own_outputs([first, output], SAID.append):
            pass
        assert left(output) == [".net.safetensors.owner"]


def hold(output: str, seconds: float = 60) -> None:
    with own_outputs([output], SAID.append), atomic_path(output) as temporary:
        temporary.write_text("half")
        time.sleep(seconds)


def started(output: str) -> Any:
    """Another process that has begun to write the output."""
    process = FORK.Process(target=hold, args=(output,))
    process.start()
    deadline = time.monotonic() + 20
    while not any(".tmp" in name for name in (left(output) if Path(output).parent.exists() else [])):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def test_what_a_killed_writer_left_is_removed_by_the_next(output: str) -> None:
    process = started(output)
    refused(output)
    process.kill()
    process.join()
    assert len(left(output)) == 2
    (Path(output).parent / ".net.safetensors.prov.host-1.tmp.json").touch()
    half = Path(output).parent / ".net.host-1.tmp.safetensors"
    half.mkdir()
    (half / ".tmpA1b2C3").touch()
    (Path(output).parent / ".other.host-1.tmp.safetensors").touch()
    with own_outputs([output], SAID.append):
        assert left(output) == [".net.safetensors.owner", ".other.host-1.tmp.safetensors"]
    assert left(output) == [".other.host-1.tmp.safetensors"]


DEAD_RUN = {"pid": 2**22 + 1, "started": "5"}


@pytest.fixture
def orphan(output: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Another process that writes the output, though its run is gone."""
    SAID.clear()
    with monkeypatch.context() as patched:
        patched.setattr(processes, "_run", lambda: DEAD_RUN)
        process = started(output)
    yield process
    process.kill()
    process.join()


def test_a_writer_whose_run_was_killed_is_ended_and_its_output_is_made(output: str, orphan: Any) -> None:
    with own_outputs([output], SAID.append):
        assert json.loads(owner_path(output).read_text())["pid"] == os.getpid()
        assert left(output) == [".net.safetensors.owner"]
    orphan.join(10)
    assert orphan.exitcode == -signal.SIGTERM
    (said,) = SAID
    assert said.startswith(f"process {orphan.pid} of a killed run still writes {output}; it is ended, and this job")


def test_a_writer_that_may_not_be_ended_is_named(output: str, orphan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert f"is written by process {orphan.pid} on " in refused(output)
    monkeypatch.undo()
    assert orphan.is_alive()
    assert SAID == []


def test_a_writer_that_does_not_end_is_asked_once_and_named(
    output: str, orphan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: asked.append(pid))
    assert f"is written by process {orphan.pid} on " in refused(output)
    monkeypatch.undo()  # or the fixture's own kill would be asked in vain
    assert asked == [orphan.pid]


@pytest.mark.parametrize(
    "run",
    [{}, None, "5", [DEAD_RUN], {"pid": "7", "started": "5"}, {"pid": None}, {"started": "5"}],
)
def test_a_writer_of_no_known_run_is_left_alone(output: str, run: Any) -> None:
    write_owner(output, run=run)  # this very process
    assert f"end it (kill {os.getpid()})" in refused(output)


def test_a_writer_of_a_run_that_is_at_work_is_left_alone(output: str) -> None:
    me = this_process()
    write_owner(output, run={"pid": me["pid"], "started": me["started"]})
    assert f"end it (kill {os.getpid()})" in refused(output)


@pytest.mark.parametrize("changes", [{"pid": None}, {"pid": "x"}, {"pid": -1}, {"pid": [1]}, {"started": ""}])
def test_an_owner_file_with_an_impossible_process_is_replaced(output: str, changes: dict[str, Any]) -> None:
    write_owner(output, run=DEAD_RUN, **changes)
    with own_outputs([output], SAID.append):
        pass
    assert left(output) == []


@pytest.mark.parametrize(
    "changes",
    [{"started": "1"}, {"boot": "before"}, {"pid": 2**22 + 1}, {"pid": 0}],
    ids=["number reused", "rebooted", "process gone", "no process"],
)
def test_an_owner_on_this_host_that_is_gone_is_replaced(output: str, changes: dict[str, Any]) -> None:
    write_owner(output, **changes)
    with own_outputs([output], SAID.append):
        assert json.loads(owner_path(output).read_text())["pid"] == os.getpid()
    assert left(output) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"text"'])
def test_a_damaged_owner_file_is_replaced(output: str, content: str) -> None:
    owner_path(output).parent.mkdir(parents=True)
    owner_path(output).write_text(content)
    with own_outputs([output], SAID.append):
        pass
    assert left(output) == []


@pytest.mark.parametrize("changes", [{"host": "elsewhere"}, {"space": "another container's"}])
def test_an_owner_that_cannot_be_asked_for_is_named_with_the_file_to_remove(output: str, changes: Any) -> None:
    write_owner(output, **changes)
    message = refused(output)
    assert "cannot be found out from here" in message
    assert f"if it does not, remove {owner_path(output)}" in message
    owner_path(output).unlink()
    with own_outputs([output], SAID.append):
        pass


def queue(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for squeue."""
    (folder / "bin").mkdir()
    (folder / "bin/squeue").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bin/squeue").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")


SLURM = {"host": "elsewhere", "job": "77"}


@pytest.mark.parametrize("state", ["RUNNING", "PENDING", "SUSPENDED"])
def test_a_slurm_job_in_the_queue_is_not_replaced(
    output: str, tmp_path: Path, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(tmp_path, f'test "$3" = --jobs=77 && echo {state}', monkeypatch)
    write_owner(output, **SLURM)
    message = refused(output)
    assert "is written by Slurm job 77, process" in message
    assert "(scancel 77)" in message


@pytest.mark.parametrize("script", ["true", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"])
def test_a_slurm_job_that_is_not_in_the_queue_is_replaced(
    output: str, tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(tmp_path, script, monkeypatch)
    write_owner(output, **SLURM)
    with own_outputs([output], SAID.append):
        pass
    assert left(output) == []


def test_a_slurm_job_that_is_ending_is_waited_for(output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "PATIENCE", 20)
    queue(tmp_path, f"cat {tmp_path}/state; : > {tmp_path}/state", monkeypatch)
    (tmp_path / "state").write_text("COMPLETING\n")
    write_owner(output, **SLURM)
    with own_outputs([output], SAID.append):
        pass


@pytest.mark.parametrize("script", ["echo 'Unable to contact slurm controller' >&2; exit 1", "exit 2"])
def test_a_queue_that_does_not_answer_is_not_taken_for_an_empty_one(
    output: str, tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(tmp_path, script, monkeypatch)
    write_owner(output, **SLURM)
    assert "cannot be found out from here" in refused(output)


def test_a_job_that_was_requeued_replaces_itself(output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    write_owner(output, **SLURM)
    with own_outputs([output], SAID.append):
        pass


def test_a_job_id_is_a_number_before_it_reaches_squeue(output: str, tmp_path: Path, monkeypatch: Any) -> None:
    queue(tmp_path, f"touch {tmp_path}/asked", monkeypatch)
    write_owner(output, host="elsewhere", job="1;id")
    refused(output)
    assert not (tmp_path / "asked").exists()


def test_a_writer_whose_output_was_given_to_another_writes_nothing(output: str) -> None:
    with own_outputs([output], SAID.append):
        write_owner(output, pid=1)
        with pytest.raises(LacunaError, match="is written by another job now"), atomic_path(output) as temporary:
            temporary.write_text("late")
        owner_path(output).unlink()
        with pytest.raises(LacunaError, match="is written by another job now"):
            confirm_ownership(output)
        write_owner(output, pid=1)
    assert left(output) == [".net.safetensors.owner"], "another's file stays"


def count(output: str, rounds: int) -> None:
    """Adds to a number in a file, in a way that loses additions where two do it at once."""
    owner.PAUSE = 0.0
    for _ in range(rounds):
        while True:
            try:
                with own_outputs([output], SAID.append):
                    number = int(Path(output).read_text())
                    time.sleep(0.0005)
                    Path(output).write_text(str(number + 1))
                break
            except LacunaError:
                time.sleep(0.0002)
        if number % 5 == 0:
            _abandon(output)


def _abandon(output: str) -> None:
    """An owner file as a killed writer leaves it, unless another writes."""
    draft = Path(f"{output}.{os.getpid()}")
    draft.write_text(json.dumps(this_process() | {"pid": 0}))
    try:
        os.link(draft, owner_path(output))
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def test_six_processes_that_race_for_an_output_with_dying_owners_never_write_together(output: str) -> None:
    Path(output).parent.mkdir()
    Path(output).write_text("0")
    writers, rounds = 6, 40
    processes = [FORK.Process(target=count, args=(output, rounds)) for _ in range(writers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * writers
    assert int(Path(output).read_text()) == writers * rounds


def test_owning_an_output_takes_less_than_five_milliseconds(output: str) -> None:
    times = []
    for _ in range(20):
        start = time.perf_counter()
        with own_outputs([output], SAID.append):
            pass
        times.append(time.perf_counter() - start)
    assert sorted(times)[10] < 0.005


JOB = """
import signal, sys, time
from types import SimpleNamespace
from lacuna.files.artefacts import atomic_path
from lacuna.jobs.job import job
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it
with job(SimpleNamespace(rule="train", log=["log"], output=["out"])) as say, atomic_path("out") as temporary:
    temporary.write_text("half")
    say("begun")
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_job_that_is_told_to_end_does_so_at_once_in_one_line_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen([sys.executable, "-c", JOB], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == "begun\n"
    while not (tmp_path / "log").read_text():
        time.sleep(0.01)
    asked = time.monotonic()
    process.send_signal(number)
    said = process.stderr.read()
    assert process.wait() == 130
    assert time.monotonic() - asked < 5
    assert said == "interrupted; the same command goes on from what is kept\n"
    assert os.listdir(tmp_path) == ["log"]
    assert (tmp_path / "log").read_text() == f"begun\n{said}"


def test_a_refused_job_adds_to_the_log_of_the_one_that_writes(tmp_path: Path) -> None:
    first = subprocess.Popen([sys.executable, "-c", JOB], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert first.stderr is not None
    assert first.stderr.readline() == "begun\n"
    while not (tmp_path / "log").read_text():
        time.sleep(0.01)
    second = subprocess.run([sys.executable, "-c", JOB], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert second.returncode == 1
    assert second.stderr.startswith(f"error: out is written by process {first.pid} on ")
    assert (tmp_path / "log").read_text() == f"begun\n{second.stderr}"
    assert (tmp_path / ".out.owner").exists()
    first.kill()
    first.wait()
