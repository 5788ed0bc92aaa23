"""slurm/bin/sacct: what the executor is told of its jobs, whichever of queue and accounting answers."""

import os
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import ResourceList
from snakemake_executor_plugin_slurm.utils import set_gres_string
from yte import process_yaml

from lacuna.language.models import KNOWN_NETWORKS

ROOT = Path(__file__).resolve().parents[2]
ASKED = ["-X", "--parsable2", "--clusters", "all", "--noheader", "--format=JobIdRaw,State"]
ASKED += ["--starttime", "2026-01-01T00:00", "--endtime", "now", "--name", "lacuna_1"]
DISABLED = "echo 'Slurm accounting storage is disabled' >&2; exit 1"
AWAY = "echo 'Unable to contact' >&2; exit 1"


def script(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def told(folder: Path, queue: str, accounts: str, asked: list[str] = ASKED) -> tuple[int, list[str]]:
    """Exit status and lines, where squeue and the real sacct are these scripts."""
    script(folder / "bin/squeue", queue)
    script(folder / "bin/sacct", accounts)
    variables = os.environ | {"PATH": f"{ROOT / 'slurm/bin'}:{folder / 'bin'}:/usr/bin:/bin"}
    done = subprocess.run(["sacct", *asked], env=variables, capture_output=True, text=True)
    return done.returncode, [line for line in done.stdout.splitlines() if line]


def states(folder: Path, queue: str, accounts: str) -> dict[str, str]:
    """States by job, as the executor reads them: a later line counts."""
    status, lines = told(folder, queue, accounts)
    assert status == 0
    return dict(line.split("|") for line in lines)  # type: ignore[arg-type]


def test_without_accounting_the_queue_answers(tmp_path: Path) -> None:
    assert states(tmp_path, "echo '7_1|RUNNING'; echo '8|COMPLETED'", DISABLED) == {"7_1": "RUNNING", "8": "COMPLETED"}


def test_while_the_controller_is_away_the_accounts_answer(tmp_path: Path) -> None:
    assert states(tmp_path, AWAY, "echo '8|COMPLETED'") == {"8": "COMPLETED"}


def test_of_both_the_queue_counts_and_the_accounts_know_what_left_it(tmp_path: Path) -> None:
    found = states(tmp_path, "echo '8|RUNNING'", "echo '7|COMPLETED'; echo '8|PENDING'")
    assert found == {"7": "COMPLETED", "8": "RUNNING"}


@pytest.mark.parametrize("accounts", [AWAY, "exit 1"])
def test_where_nobody_answers_the_executor_is_told_to_ask_again(tmp_path: Path, accounts: str) -> None:
    assert told(tmp_path, AWAY, accounts) == (1, [])


def test_a_run_without_jobs_is_an_answer(tmp_path: Path) -> None:
    assert told(tmp_path, "true", AWAY) == (0, [])


def test_a_cancelled_job_has_the_state_that_the_executor_knows(tmp_path: Path) -> None:
    assert states(tmp_path, AWAY, "echo '8|CANCELLED by 1000'; echo '9|OUT_OF_MEMORY'") == {
        "8": "CANCELLED",
        "9": "OUT_OF_MEMORY",
    }


@pytest.mark.parametrize(("again", "state"), [("echo 8", "PENDING"), ("true", "CANCELLED")])
def test_a_preempted_job_waits_if_it_was_requeued_and_failed_otherwise(tmp_path: Path, again: str, state: str) -> None:
    queue = f'case "$*" in *--states=all*) echo "8|PREEMPTED" ;; *) {again} ;; esac'
    assert states(tmp_path, queue, AWAY) == {"8": state}


def test_the_accounts_are_asked_for_tasks_of_arrays_by_the_numbers_that_the_executor_knows(tmp_path: Path) -> None:
    asked = f'echo "$*" > {tmp_path}/asked; echo "7_2|RUNNING"'
    assert states(tmp_path, AWAY, asked) == {"7_2": "RUNNING"}
    assert (
        "--format=JobID,State --starttime 2026-01-01T00:00 --endtime now --name lacuna_1"
        in (tmp_path / "asked").read_text()
    )


def test_other_questions_go_to_the_real_one(tmp_path: Path) -> None:
    assert told(tmp_path, AWAY, 'echo "real $*"; exit 3', ["-j", "8", "-n"]) == (3, ["real -j 8 -n"])
    assert told(tmp_path, AWAY, AWAY, ["-j", "8.0", "--format=Reason", "--noheader"]) == (0, [])


def test_many_preempted_jobs_are_asked_after_together(tmp_path: Path) -> None:
    asked, jobs = f"echo >> {tmp_path}/asked", range(100, 200)
    waiting, over = (";".join(f"echo {job}{state}" for job in jobs) for state in ("", "'|PREEMPTED'"))
    queue = f'{asked}; case "$*" in *--states=all*) {over} ;; *) {waiting} ;; esac'
    assert states(tmp_path, queue, AWAY) == {str(job): "PENDING" for job in jobs}
    assert len((tmp_path / "asked").read_text().splitlines()) == 2


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a run that submitted jobs 7, 8 and 12."""
    folder = tmp_path / f"run.{os.getpid()}"
    folder.mkdir()
    (folder / "jobs").write_text("7\n8\n12\n")
    monkeypatch.setenv("LACUNA_RUN", str(folder))
    return folder


@pytest.mark.parametrize(
    ("queue", "accounts", "expected"),
    [
        ("echo '8|RUNNING'", DISABLED, {"7": "FAILED", "8": "RUNNING", "12": "FAILED"}),
        ("echo '8|RUNNING'", "echo '7|COMPLETED'", {"7": "COMPLETED", "8": "RUNNING", "12": "FAILED"}),
        ("echo '8|RUNNING'; echo '12_3|PENDING'", "echo '7|COMPLETED'", {"7": "COMPLETED", "8": "RUNNING"}),
        ("true", DISABLED, {"7": "FAILED", "8": "FAILED", "12": "FAILED"}),
        ("echo '8|RUNNING'", AWAY, {"8": "RUNNING"}),
        (AWAY, "echo '8|RUNNING'", {"8": "RUNNING"}),
        ("echo '128|RUNNING'", "echo '78|COMPLETED'", {"7": "FAILED", "8": "FAILED", "12": "FAILED"}),
    ],
)
def test_a_job_that_slurm_has_forgotten_has_failed_once_all_who_may_know_it_answered(
    tmp_path: Path, run: Path, queue: str, accounts: str, expected: dict[str, str]
) -> None:
    """The executor would wait for it for ever."""
    found = states(tmp_path, queue, accounts)
    assert {job: state for job, state in found.items() if job in ("7", "8", "12")} == expected


def test_a_job_that_is_submitted_while_slurm_is_asked_is_not_forgotten(tmp_path: Path, run: Path) -> None:
    queue = f"echo 13 >> {run}/jobs; echo '7|RUNNING'; echo '8|RUNNING'; echo '12|RUNNING'"
    assert states(tmp_path, queue, DISABLED) == {"7": "RUNNING", "8": "RUNNING", "12": "RUNNING"}


def test_an_outage_is_noted_until_the_queue_answers(tmp_path: Path, run: Path) -> None:
    assert told(tmp_path, "echo 'slurm_load_jobs error: Unable to contact' >&2; exit 1", AWAY)[0] == 1
    since, said = (run / "away").read_text().split(" ", 1)
    assert abs(time.time() - int(since)) < 60
    assert said.startswith("Slurm does not answer (")
    assert told(tmp_path, "echo '7|RUNNING'", AWAY)[0] == 0
    assert not (run / "away").exists()


def test_after_a_day_without_an_answer_all_jobs_have_failed_so_that_the_run_ends(tmp_path: Path, run: Path) -> None:
    (run / "away").write_text(f"{int(time.time()) - 86000} Slurm does not answer\n")
    assert told(tmp_path, AWAY, AWAY) == (1, [])
    (run / "away").write_text(f"{int(time.time()) - 87000} Slurm does not answer\n")
    assert states(tmp_path, AWAY, AWAY) == {"7": "FAILED", "8": "FAILED", "12": "FAILED"}


def test_every_job_that_can_use_a_gpu_asks_for_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])  # which the profile changes
    profile = process_yaml((root / "slurm/profile.yaml").read_text())["set-resources"]
    asking = {rule.partition("_")[0] for rule, asked in profile.items() if asked.get("needs_gpu") == 1}
    scripts = (root / "workflow/scripts").glob("*.py")
    assert asking == {script.stem for script in scripts if "needs_gpu" in script.read_text()}
    assert {"train_" + arch.replace("-", "_") for arch in KNOWN_NETWORKS} <= profile.keys()
    assert not [arch for arch in KNOWN_NETWORKS if "mem_mb" in profile["train_" + arch.replace("-", "_")]], (
        "by its rule"
    )


@pytest.mark.parametrize(("shards", "options"), [(0, " --gpus=1"), (2, " --gres=shard:2")])
def test_a_job_asks_for_a_gpu_or_for_shards_of_one(
    root: Path, monkeypatch: pytest.MonkeyPatch, shards: int, options: str
) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"])
    text = (root / "slurm/profile.yaml").read_text()
    assert "- shards = 0\n" in text
    profile = process_yaml(text.replace("shards = 0", f"shards = {shards}"))["set-resources"]
    assert {set_gres_string(SimpleNamespace(resources=ResourceList(fromdict=asked))) for asked in profile.values()} == {
        options
    }
    assert {asked["slurm_partition"] for asked in profile.values()} == {"gpu"}
