"""DVC's and Snakemake's reasons reach the user in one sentence, whatever they were asked to do."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lacuna.errors import LacunaError
from lacuna.versioning import calls

SNAKEFILE = """
rule made:
    output:
        "made.txt",
    shell:
        "echo 'error: the disk is on fire' >&2; exit 3"
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with DVC, a disk of its own beside it, and one file."""
    root = tmp_path / "checkout"
    (root / "results").mkdir(parents=True)
    (tmp_path / "disk").mkdir()
    monkeypatch.chdir(root)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, check=True)
    Path("results/a.txt").write_text("content")
    Path("Snakefile").write_text(SNAKEFILE)
    return root


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(LacunaError) as error:
        call()
    sentence = str(error.value)
    assert "\n" not in sentence
    assert "said nothing" not in sentence
    return sentence


def linked(root: Path) -> None:
    """``results/`` on another disk, as where a cluster has little room at home."""
    (root / "results/a.txt").unlink()
    (root / "results").rmdir()
    (root / "results").symlink_to(root.parent / "disk")
    Path("results/a.txt").write_text("content")


def ignored(root: Path) -> None:
    Path(".dvcignore").write_text("/results\n")


def without_the_file(root: Path) -> None:
    Path("results/a.txt").unlink()


def damaged(root: Path) -> None:
    Path("results/a.txt.dvc").write_text("outs: nonsense\n")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (linked, "Cannot add files inside symlinked directories to DVC"),
        (ignored, "results/a.txt"),
        (without_the_file, "output 'results/a.txt' does not exist"),
        (damaged, "expected a list"),
    ],
)
def test_why_nothing_could_be_added(here: Path, spoil: Callable[[Path], None], says: str) -> None:
    spoil(here)
    sentence = refusal(lambda: calls.add_files(["results/a.txt"]))
    assert sentence.startswith("dvc add: ")
    assert says in sentence
    assert "ERROR" not in sentence


def test_why_nothing_could_be_pushed(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    calls.add_files(["results/a.txt"])
    done, said = calls.transfer("push", ["results/a.txt"])
    assert not done
    assert "no remote specified" in said
    assert "dvc remote add -d <remote name> <remote url>" in said
    assert "\n" not in said
    assert "no remote" not in capfd.readouterr().err, "the caller tells it, once"


def test_why_nothing_could_be_pulled_or_put_in_place(here: Path, tmp_path: Path) -> None:
    calls.add_files(["results/a.txt"])
    subprocess.run([sys.executable, "-m", "dvc", "remote", "add", "-q", "-d", "r", str(tmp_path / "gone")], check=True)
    Path("results/a.txt").unlink()
    for path in sorted(Path(".dvc/cache").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    done, said = calls.transfer("pull", ["results/a.txt"])
    assert not done
    assert "results/a.txt" in said
    assert "results/a.txt" in calls.check_out(["results/a.txt"])


def test_a_push_that_succeeds_gives_its_count(here: Path, tmp_path: Path) -> None:
    calls.add_files(["results/a.txt"])
    subprocess.run(
        [sys.executable, "-m", "dvc", "remote", "add", "-q", "-d", "r", str(tmp_path / "remote")], check=True
    )
    assert calls.transfer("push", ["results/a.txt"]) == (True, "1 file pushed")
    assert calls.transfer("pull", ["results/a.txt"]) == (True, "Everything is up to date.")


def test_what_the_cache_holds_as_it_is_noted_is_not_added_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called, run = [], calls.run_dvc
    monkeypatch.setattr(calls, "run_dvc", lambda *arguments: called.append(arguments) or run(*arguments))
    names = [f"results/{name}.txt" for name in "abc"]
    for name in names:
        Path(name).write_text(name)
    calls.add_files(names)
    calls.add_files(names)
    Path(names[0]).write_text("edited")
    next(Path(".dvc/cache/files/md5").glob(f"*/{calls.md5(names[1])[2:]}")).unlink()
    calls.add_files(names)
    added = [arguments[1:] for arguments in called if arguments[0] == "add"]
    assert added == [tuple(names), tuple(names[:2])]
    assert {calls.md5_in(Path(f"{name}.dvc").read_bytes()) for name in names} == {*map(calls.md5, names)}


def test_a_command_line_takes_so_many_names_and_no_name_is_lost() -> None:
    names = [f"results/{'x' * (i % 90)}/{i}" for i in range(30_000)]
    parts = list(calls.batches(names))
    assert [name for part in parts for name in part] == names
    assert len(parts) > 1
    assert max(sum(len(name) + 1 for name in part) for part in parts) <= calls.LINE
    assert list(calls.batches(["y" * 2 * calls.LINE])) == [["y" * 2 * calls.LINE]]
    assert list(calls.batches([])) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--cores", "1", "--", "nosuch.txt"], "No rule to produce nosuch.txt"),
        (["--cores", "1", "--", "made.txt"], "the disk is on fire"),
        (["--cores", "1", "--allowed-rules", "other", "--", "made.txt"], "No rule to produce made.txt"),
        (["--nosuch"], "--nosuch"),
    ],
)
def test_why_snakemake_failed(here: Path, arguments: list[str], says: str) -> None:
    assert says in refusal(lambda: calls.run_snakemake("demo", *arguments))


def test_why_the_configuration_was_refused(here: Path) -> None:
    Path("Snakefile").write_text(f'raise WorkflowError("the key is wrong")\n{SNAKEFILE}')
    assert refusal(lambda: calls.run_snakemake("demo", "--cores", "1")) == "snakemake --cores: the key is wrong"


@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        ("", -9, "it ended with status -9 and said nothing"),
        ("  \n\n", 3, "it ended with status 3 and said nothing"),
        ("one\ntwo\n", 1, "two"),
        ("WARNING: y\nERROR: a:\n/b\nc?\n", 1, "a: /b c?"),
        ("x\nERROR: a -\n  b\n\tc\n", 1, "a - b c"),
        ("WorkflowError in file /x/Snakefile, line 3:\nthe reason\nat the end\n", 1, "the reason"),
        ("Traceback (most recent call last):\n  File\nKeyError: 'x'\n", 1, "KeyError: 'x'"),
        ("error: " + "x" * 5000, 1, "x" * 400 + "..."),
    ],
)
def test_the_reason_in_what_a_program_said(said: str, status: int, reason: str) -> None:
    assert calls.failure_reason(said, status) == reason


def test_progress_is_shown_as_it_comes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read, write = os.pipe()
    os.write(write, "10 %\r20 % \u2588".encode() + b"\nERR")
    os.write(write, b"OR: no room\n")
    os.close(write)
    assert calls._passed_on(read).endswith("ERROR: no room\n")
    assert capsys.readouterr().err.startswith("10 %\r20 % \u2588\n")
