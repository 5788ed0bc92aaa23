"""A full or read-only disk, no folder for temporary files, no home, odd paths, too little memory: works or says so.

The disks are small tmpfs, which needs root; elsewhere those tests are skipped.
"""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from stages import FLOW, Stages, made

from lacuna.errors import LacunaError
from lacuna.jobs.failures import failure_sentence
from lacuna.jobs.job import job


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which every stage has run."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("complete")
        patch.chdir(folder)
        made(folder)
        yield folder


@pytest.fixture
def disk(tmp_path: Path, complete: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of that folder on a disk of 6 MB, as the working directory."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", place], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("cannot mount a tmpfs here")
    try:
        folder = Path(shutil.copytree(complete, place / "folder"))
        with monkeypatch.context() as patch:
            patch.chdir(folder)
            yield folder
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk: Path, left: int) -> None:
    """Fills the disk up to some pages of 4 KB."""
    with (disk / "filler").open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                break
        file.truncate(file.tell() - 4096 * left)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def refused(stages: Stages, rule: str, capfd: pytest.CaptureFixture[str]) -> str:
    """The one sentence with which a rule ends; nothing new is there but its log."""
    outputs = {str(path) for path in stages.run_outputs(rule)}
    before = names(stages.folder)
    with pytest.raises(SystemExit):
        stages.run(rule)
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, lines
    assert names(stages.folder) <= before - outputs | {f"logs/{rule}.log"}
    return lines[0]


@pytest.mark.parametrize("left", [0, 2])
@pytest.mark.parametrize("rule", ["dataset", "train", "attack", "evaluate", "select", "export"])
def test_a_full_disk_is_one_sentence_and_nothing_is_half_written(
    disk: Path, rule: str, left: int, capfd: pytest.CaptureFixture[str]
) -> None:
    stages = Stages(disk)
    for path in stages.run_outputs(rule):  # as Snakemake does before a job
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    fill(disk, left)
    said = refused(stages, rule, capfd)
    assert "the disk of " in said
    assert "is full; free some space" in said

    (disk / "filler").unlink()
    assert all(Path(path).exists() for path in stages.run(rule))


@pytest.mark.parametrize("rule", FLOW)
def test_a_read_only_disk_is_one_sentence(disk: Path, rule: str, capfd: pytest.CaptureFixture[str]) -> None:
    place = disk.parent
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    outputs = getattr(Stages(disk), rule)()[2]
    task = SimpleNamespace(rule=rule, log=[f"logs/{rule}.log"], output=list(outputs.values()))
    with pytest.raises(SystemExit), job(task):
        raise AssertionError("the rule began")
    (said,) = capfd.readouterr().err.splitlines()
    assert said.startswith("error: ")
    assert said.endswith("is on a read-only disk; give write access, or run where there is")
    assert next(iter(outputs.values())).rpartition("/")[0] in said


CASES: list[tuple[BaseException, str]] = [
    (OSError(errno.ENOSPC, "No space left on device"), "the disk of out/net is full; free some space"),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk of out/net is full; free some space"),
    (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), "the disk of out/net"),
    (PermissionError(errno.EACCES, "Permission denied", "a/b"), "a/b may not be written or read; give write access"),
    (OSError(errno.EROFS, "Read-only file system", "a/b"), "a/b is on a read-only disk; give write access"),
    (OSError(errno.ENAMETOOLONG, "File name too long", "a/b"), "a/b has too long a name; shorten"),
    (MemoryError(), "the memory of the machine is not enough; ask for more: --set-resources attack:mem_mb=<more>"),
    (torch.OutOfMemoryError("CUDA out of memory"), "the memory of the GPU is not enough; use one with more, or --set"),
    (
        *(RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried"),),
        "the memory of the machine is not enough",
    ),
    (
        FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
        "there is no folder for temporary files (tried ",
    ),
]


@pytest.mark.parametrize(("error", "words"), CASES)
def test_what_the_machine_refuses_ends_a_job_in_one_sentence(
    error: BaseException, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended, job(SimpleNamespace(rule="attack", log=["log"], output=["out/net"])):
        raise error
    assert ended.value.code == 1
    (said,) = capfd.readouterr().err.splitlines()
    assert said.startswith(f"error: {words}")
    assert Path("log").read_text() == said + "\n"
    assert os.listdir("out") == []


def broken() -> None:
    with job(SimpleNamespace(rule="attack", log=["log"], output=["out"])) as say:
        say("begun")
        raise ZeroDivisionError


@pytest.mark.parametrize("error", [LacunaError("baseline: nowhere"), OSError(errno.ENOSPC, "No space left")])
def test_a_job_without_outputs_ends_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: Exception
) -> None:
    """The audit, which only reads."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit), job(SimpleNamespace(rule="audit", output=[], log=["logs/audit.log"])):
        raise error
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "nowhere" in line or "the disk of logs/audit.log is full" in line


def test_any_other_error_keeps_its_traceback_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert failure_sentence(ValueError("x"), "attack", "out") is None
    with pytest.raises(ZeroDivisionError):
        broken()
    assert Path("log").read_text().startswith("begun\nTraceback")


RUN = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from stages import Stages
stages = Stages(Path.cwd(), method="square", budgets={{"square_e8_n5": {{"epsilon": "8/255", "queries": 5}}}})
stages.run("attack")
import matplotlib.pyplot as plt
plt.figure().savefig("figure.png")
"""


@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere", "XDG_CONFIG_HOME": "/proc/nowhere"},
        {"TMPDIR": "/nowhere"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["no home and no cache", "TMPDIR missing", "no locale"],
)
def test_a_stage_runs_without_home_cache_temporary_folder_or_locale_below_an_odd_path(
    environment: dict[str, str], complete: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(complete, tmp_path / "Größe-日本-é"))
    code = RUN.format(tests=str(Path(__file__).parents[1] / "support"))
    variables = os.environ | environment
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (folder / "attack/pgd16/net.safetensors").exists()
    assert (folder / "figure.png").exists()
