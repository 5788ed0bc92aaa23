"""What a run on Slurm says of a controller that is away, and that an interrupted run is known to its programs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from lacuna.files.slurm import RUN
from lacuna.jobs import outages
from lacuna.jobs.outages import leave, watch

INTERRUPTED = """
import os, signal, sys, time
from pathlib import Path
from lacuna.files.slurm import RUN
from lacuna.jobs.outages import watch

{before}
watch(Path(sys.argv[1]))
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.5)
except KeyboardInterrupt:
    print("interrupted")
print((Path(os.environ[RUN]) / "stop").exists())
"""


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was said, of looks that follow each other quickly; the handler of interrupts is put back."""
    monkeypatch.setattr(outages, "STEP", 0.01)
    monkeypatch.setenv(RUN, "")
    handler = signal.getsignal(signal.SIGINT)
    yield []
    signal.signal(signal.SIGINT, handler)


def until(holds: Callable[[], bool]) -> None:
    """Waits until something holds, five seconds at most."""
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def mine() -> Path:
    return Path(os.environ[RUN])


def test_a_run_has_a_folder_of_its_own_until_it_leaves(tmp_path: Path, said: list[str]) -> None:
    watch(tmp_path, said.append)
    folder = mine()
    assert folder.is_dir()
    assert folder.is_relative_to(tmp_path)
    assert str(os.getpid()) in folder.name
    (folder / "away").write_text("0 Slurm does not answer")
    leave(tmp_path)
    assert not folder.exists()
    assert RUN not in os.environ
    leave(tmp_path)  # a run that never watched, or that left before


@pytest.mark.parametrize("elsewhere", ["", "/", "home"])
def test_leaving_removes_no_folder_of_others(tmp_path: Path, said: list[str], elsewhere: str) -> None:
    other = tmp_path / "home"
    (other / "kept").mkdir(parents=True)
    os.environ[RUN] = str(other) if elsewhere == "home" else elsewhere
    leave(tmp_path / "snakemake")
    assert (other / "kept").is_dir()


def test_an_absence_that_lasts_is_said_once_and_its_end_too(tmp_path: Path, said: list[str]) -> None:
    watch(tmp_path, said.append)
    note = mine() / "away"
    for _ in range(2):
        note.write_text(f"{time.time() - 20} Slurm's controller does not answer; the run waits\n")
        until(lambda: len(said) % 2 == 1)
        time.sleep(0.1)
        note.unlink()
        until(lambda: len(said) % 2 == 0)
    leave(tmp_path)
    assert said == ["Slurm's controller does not answer; the run waits", "Slurm answers again."] * 2


@pytest.mark.parametrize("text", ["", "{now} Slurm does not answer", "{now}", "{now} "])
def test_a_short_absence_and_half_a_note_say_nothing(tmp_path: Path, said: list[str], text: str) -> None:
    watch(tmp_path, said.append)
    (mine() / "away").write_text(text.format(now=time.time()))
    time.sleep(0.2)
    leave(tmp_path)
    assert said == []


@pytest.mark.parametrize(
    ("before", "answers"),
    [
        ("", ["interrupted", "True"]),
        ("signal.signal(signal.SIGINT, lambda *_: print('theirs') or sys.exit())", ["theirs"]),
        ("signal.signal(signal.SIGINT, signal.SIG_IGN)", ["False"]),
    ],
)
def test_an_interrupt_is_noted_and_goes_on_as_before(tmp_path: Path, before: str, answers: list[str]) -> None:
    """A handler of others stays: only Python's own is replaced."""
    code = [sys.executable, "-c", INTERRUPTED.format(before=before), str(tmp_path)]
    default = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # which a shell takes from what it runs beside it
    done = subprocess.run(code, capture_output=True, text=True, timeout=60, check=False, preexec_fn=default)
    assert done.stdout.split() == answers, done.stderr
