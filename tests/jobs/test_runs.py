"""After a killed run the next removes its lock and its Slurm jobs; while another may be at work nothing is touched."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lacuna.errors import LacunaError
from lacuna.files.processes import this_process
from lacuna.jobs.runs import begin_run, lift_rate_limit

GONE, ELSEWHERE = {"pid": 0}, {"host": "elsewhere"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Snakemake's folder with a lock in it; stand-ins of squeue and scancel, with an orphan and three other jobs."""
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    one, uuid = f"|{tmp_path}", "lacuna_0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"
    lines = [f"7_2|{uuid}{one}", f"8|my own work{one}", f"9|{uuid}|/elsewhere", "odd"]
    script(tmp_path / "bin/squeue", "cat <<END\n" + "\n".join(lines) + "\nEND")
    script(tmp_path / "bin/scancel", f'echo "$@" >> {tmp_path}/cancelled')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").touch()
    return tmp_path / ".snakemake"


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(("said", "kept"), [([], None), (["--max-jobs-per-timespan", "5/10s"], (5, 10))])
def test_snakemakes_own_limit_of_new_jobs_is_lifted_and_a_users_stays(
    said: list[str], kept: tuple[int, int] | None
) -> None:
    from snakemake.cli import get_argument_parser
    from snakemake.scheduling.job_scheduler import JobRateLimiter

    given = get_argument_parser().parse_args(said).max_jobs_per_timespan
    scheduler = SimpleNamespace(job_rate_limiter=JobRateLimiter(given))
    lift_rate_limit(scheduler)
    limit = scheduler.job_rate_limiter
    assert (limit and (limit.max_jobs, limit.timespan)) == kept


def note(folder: Path, **changes: Any) -> None:
    (folder / "runs").mkdir(exist_ok=True)
    (folder / "runs/other.json").write_text(json.dumps(this_process() | changes))


def left(folder: Path) -> tuple[bool, bool, bool]:
    """Whether the lock, the other run's note and the orphan are still there."""
    lock, other = folder / "locks/0.output.lock", folder / "runs/other.json"
    return lock.exists(), other.exists(), not Path("cancelled").exists()


def said(folder: Path, unlock: bool = False) -> list[str]:
    lines: list[str] = []
    begin_run(folder, unlock, lines.append)
    return lines


def test_after_a_killed_run_its_lock_and_its_jobs_are_removed(folder: Path) -> None:
    note(folder, **GONE)
    lock, orphans = said(folder)
    assert lock == "The last run here was killed; its lock is removed, and this one goes on from what it kept."
    assert orphans == "Cancelled 1 Slurm jobs of the killed run, to go on from what they kept: 7_2"
    assert Path("cancelled").read_text() == "7_2\n"
    assert left(folder) == (False, False, False)
    assert said(folder) == []


@pytest.mark.parametrize("changes", [{}, ELSEWHERE])
def test_while_another_run_may_be_at_work_nothing_is_touched(folder: Path, changes: dict[str, Any]) -> None:
    note(folder, **changes)
    lines = said(folder)
    assert left(folder) == (True, True, True)
    assert [("--unlock" in line) for line in lines] == [True] * bool(changes)


def test_one_living_run_among_killed_ones_is_enough(folder: Path) -> None:
    note(folder)
    (folder / "runs/third.json").write_text(json.dumps(this_process() | GONE))
    assert said(folder) == []
    assert left(folder) == (True, True, True)


def test_a_lock_that_no_note_explains_stays_and_is_named_in_one_line(folder: Path) -> None:
    (line,) = said(folder)
    assert "`snakemake --unlock`" in line
    assert left(folder)[0]


def test_unlocking_says_that_no_other_run_is_left(folder: Path) -> None:
    note(folder, **ELSEWHERE)
    assert len(said(folder, unlock=True)) == 2
    assert left(folder) == (False, False, False)


@pytest.mark.parametrize("tool", ["exit 1", "sleep 0; echo", ""])
def test_a_queue_that_does_not_answer_stops_nothing(folder: Path, tool: str) -> None:
    note(folder, **GONE)
    script(folder.parent / "bin/squeue", tool)
    assert len(said(folder)) == 1
    assert left(folder) == (False, False, True)


def test_without_slurm_only_the_lock_is_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note(folder, **GONE)
    monkeypatch.setenv("PATH", "/nowhere")
    assert len(said(folder)) == 1


def test_a_damaged_note_counts_as_that_of_a_killed_run(folder: Path) -> None:
    note(folder)
    (folder / "runs/other.json").write_text("{")
    assert len(said(folder)) == 2


def test_a_run_that_ends_takes_its_note_with_it(tmp_path: Path) -> None:
    code = "import os, pathlib, lacuna.jobs.runs as r; r.begin(pathlib.Path('.')); print(os.listdir('runs'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.count(".json") == 1
    assert os.listdir(tmp_path / "runs") == []


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LacunaError, match=r"cannot be written \(Not a directory\); run where this folder can be"):
        begin_run(tmp_path / "file")
