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
from lacuna.jobs import runs
from lacuna.jobs.runs import begin, finish, lift_rate_limit, settle, unlock

GONE, ELSEWHERE = {"pid": 0}, {"host": "elsewhere"}
UNIQUE = "lacuna_0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Snakemake's folder with a lock in it; stand-ins of squeue and scancel, with an orphan and four other jobs."""
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    lines = [line(tmp_path, "7_2"), line(tmp_path, "8", name="my own work"), line(tmp_path / "elsewhere", "9")]
    queue(tmp_path, *lines, line(tmp_path, "10", state="CG"), "odd")
    script(tmp_path / "bin/scancel", f'echo "$@" >> {tmp_path}/cancelled')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").touch()
    return tmp_path / ".snakemake"


def line(folder: Path, job: str, state: str = "R", name: str = UNIQUE, user: int | None = None) -> str:
    """A line of squeue about a job of this or another user."""
    return f"{job}|{os.getuid() if user is None else user}|{state}|{name}|{folder}"


def queue(folder: Path, *lines: str) -> None:
    """What squeue says from now on, once it was asked as it should be."""
    text = "\n".join(lines)
    script(folder / "bin/squeue", f'echo "$@" >> {folder}/asked\ncat <<END\n{text}\nEND')


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


def said(folder: Path, patient: bool = False) -> list[str]:
    """What is said by a run that begins, and goes on to its first job."""
    lines: list[str] = []
    begin(folder, lines.append)
    settle(folder, patient, lines.append)
    return lines


def test_after_a_killed_run_its_lock_and_its_jobs_are_removed(folder: Path) -> None:
    note(folder, **GONE)
    lock, orphans = said(folder)
    assert lock == "The last run here was killed; its lock is removed, and this one goes on from what it kept."
    assert orphans == "Cancelled 1 Slurm jobs of the killed run, to go on from what they kept: 7_2"
    assert Path("cancelled").read_text() == "7_2\n"
    assert left(folder) == (False, False, False)
    assert said(folder) == []


def test_a_run_that_ends_before_its_first_job_leaves_the_jobs_of_the_killed_one_to_the_next(folder: Path) -> None:
    note(folder, **GONE)
    begin(folder, [].append)
    assert left(folder) == (False, True, True)
    assert said(folder) == ["Cancelled 1 Slurm jobs of the killed run, to go on from what they kept: 7_2"]
    assert left(folder) == (False, False, False)


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


def test_after_an_unlocking_no_other_run_is_left_and_the_next_one_cancels_its_jobs(folder: Path) -> None:
    note(folder, **ELSEWHERE)
    unlock(folder)
    assert left(folder) == (True, True, True), "Snakemake itself removes the lock, and an unlocking is no run"
    assert len(said(folder)) == 2
    assert left(folder) == (False, False, False)


def test_a_folder_in_which_a_run_is_at_work_is_not_unlocked(folder: Path) -> None:
    note(folder)
    with pytest.raises(LacunaError, match=rf"a run is at work here \(process {os.getpid()} on .*\); end it"):
        unlock(folder)
    assert said(folder) == []
    assert left(folder) == (True, True, True)


@pytest.mark.parametrize("tool", ["exit 1", "echo 'Unable to contact slurm controller' >&2; exit 1"])
def test_where_the_queue_does_not_answer_a_local_run_goes_on_and_the_next_asks_again(folder: Path, tool: str) -> None:
    note(folder, **GONE)
    squeue = (folder.parent / "bin/squeue").read_text()
    script(folder.parent / "bin/squeue", tool)
    _, answer = said(folder)
    assert answer.startswith("Slurm does not answer (")
    assert answer.endswith("the next run asks again.")
    assert left(folder) == (False, True, True)
    (folder.parent / "bin/squeue").write_text(squeue)
    assert len(said(folder)) == 1
    assert left(folder) == (False, False, False)


def test_a_run_on_slurm_waits_for_the_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise its jobs would meet those of the killed run."""
    note(folder, **GONE)
    monkeypatch.setattr(runs, "PAUSE", 0.01)
    squeue = (folder.parent / "bin/squeue").read_text().replace("#!/bin/sh", "")
    away = "echo >> calls; [ $(wc -l < calls) -le 3 ] && echo away >&2 && exit 1"
    script(folder.parent / "bin/squeue", f"{away}\n{squeue}")
    _, waiting, cancelled = said(folder, patient=True)
    assert waiting.startswith("Slurm does not answer (away)")
    assert waiting.endswith("; waiting for it.")
    assert cancelled.endswith(": 7_2")


def test_but_for_a_day_at_most(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note(folder, **GONE)
    script(folder.parent / "bin/squeue", "echo away >&2; exit 1")
    clock = iter(range(0, 10**6, 20000))
    monkeypatch.setattr(runs.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(runs, "PAUSE", 0.01)
    with pytest.raises(LacunaError, match=r"does not answer \(away\).* asked for 24 hours; the same command goes on"):
        said(folder, patient=True)
    assert left(folder) == (False, True, True)


def test_jobs_of_another_user_stop_the_run_and_are_named(folder: Path) -> None:
    """Nobody else can cancel them; two jobs would write the same."""
    note(folder, **GONE, user=12345)
    queue(folder.parent, line(folder.parent, "7", user=12345), line(folder.parent, "8", user=12345))
    with pytest.raises(LacunaError, match=r"jobs of a killed run of user 12345 .* end them: scancel 7 8$"):
        said(folder)
    assert f"--user={','.join(sorted(['12345', str(os.getuid())], key=int))}" in Path("asked").read_text()
    assert left(folder)[1:] == (True, True)
    queue(folder.parent)
    said(folder)
    assert left(folder) == (False, False, True)


def test_a_thousand_jobs_are_cancelled_a_hundred_at_a_time(folder: Path) -> None:
    note(folder, **GONE)
    queue(folder.parent, *(line(folder.parent, str(job)) for job in range(1000)))
    assert said(folder)[1].startswith("Cancelled 1000 Slurm jobs")
    assert [len(call.split()) for call in Path("cancelled").read_text().splitlines()] == [100] * 10


@pytest.mark.parametrize(("still", "cancelled"), [("", True), ("7_2", False)])
def test_a_job_that_ends_while_it_is_cancelled_is_cancelled(folder: Path, still: str, cancelled: bool) -> None:
    """Then scancel fails for it."""
    note(folder, **GONE)
    again = line(folder.parent, still) if still else ""
    squeue = (folder.parent / "bin/squeue").read_text().replace("#!/bin/sh", "")
    script(folder.parent / "bin/squeue", f"[ -e tried ] && echo '{again}' && exit\n{squeue}")
    script(folder.parent / "bin/scancel", "touch tried; exit 1")
    (_, last) = said(folder)
    assert last.startswith("Cancelled 1 Slurm jobs") is cancelled
    assert left(folder)[1] is not cancelled


def test_filters_that_a_user_sets_for_squeue_hide_no_orphan(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note(folder, **GONE)
    squeue = (folder.parent / "bin/squeue").read_text().replace("#!/bin/sh", "")
    script(folder.parent / "bin/squeue", f'[ -n "$SQUEUE_STATES$SQUEUE_PARTITION" ] && exit\n{squeue}')
    monkeypatch.setenv("SQUEUE_STATES", "PD")
    monkeypatch.setenv("SQUEUE_PARTITION", "cpu")
    assert len(said(folder)) == 2


def test_at_the_end_of_a_run_on_slurm_nothing_of_it_stays_in_the_queue(folder: Path) -> None:
    """As of one that is interrupted while jobs are being submitted, or that stops for an error of its own."""
    assert len(said(folder)) == 1
    lines: list[str] = []
    finish(folder, submitted=True, say=lines.append)
    assert lines == ["Cancelled 1 Slurm jobs that nobody waits for any more: 7_2"]
    assert list((folder / "runs").iterdir()) == []


@pytest.mark.parametrize("changes", [{}, ELSEWHERE])
def test_but_not_where_another_run_may_be_at_work(folder: Path, changes: dict[str, Any]) -> None:
    said(folder)
    note(folder, **changes)
    finish(folder, submitted=True)
    assert left(folder) == (True, True, True)
    assert len(list((folder / "runs").iterdir())) == 1


def test_where_that_cannot_be_found_out_the_note_stays_for_the_next_run(folder: Path) -> None:
    said(folder)
    script(folder.parent / "bin/squeue", "exit 1")
    finish(folder, submitted=True)
    assert len(list((folder / "runs").iterdir())) == 1


def test_without_slurm_only_the_lock_is_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note(folder, **GONE)
    monkeypatch.setenv("PATH", "/nowhere")
    assert len(said(folder)) == 1


def test_a_damaged_note_counts_as_that_of_a_killed_run(folder: Path) -> None:
    note(folder)
    (folder / "runs/other.json").write_text("{")
    assert len(said(folder)) == 2


def test_a_run_that_ends_takes_its_note_with_it(tmp_path: Path) -> None:
    assert run(tmp_path, "") == 1
    assert os.listdir(tmp_path / "runs") == []
    assert run(tmp_path, "r.settle(here, False); r.finish(here)") == 1
    assert os.listdir(tmp_path / "runs") == []


def test_one_that_is_interrupted_between_its_jobs_and_its_end_leaves_it(tmp_path: Path) -> None:
    assert run(tmp_path, "r.settle(here, False)") == 1
    assert len(os.listdir(tmp_path / "runs")) == 1


def run(folder: Path, then: str) -> int:
    """How many notes are there while another process begins a run and goes on as told."""
    code = f"import os, pathlib, lacuna.jobs.runs as r; here = pathlib.Path('.'); r.begin(here); {then}"
    code = (
        f"{code}\nprint(*os.listdir('runs'))" if not then else code.replace(then, f"print(*os.listdir('runs')); {then}")
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.count(".json")


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LacunaError, match=r"cannot be written \(Not a directory\); let its group write, or run where"):
        begin(tmp_path / "file")
