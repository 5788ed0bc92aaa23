"""What a user gives to make is a text: no part of it is run, by make or by the shell."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAKE = """#!/bin/sh
exec python3 -c 'import json, sys; json.dump(sys.argv[1:], open("said.json", "w"))' "$@"
"""
VALUES = [
    "table3;touch ran",
    "table3 && touch ran",
    "$(touch ran)",
    "$(shell touch ran)",
    "$$(touch ran)",
    "`touch ran`",
    "a'; touch ran; '",
    'a"; touch ran; "',
    "x | touch ran",
    "a b\tc",
    "$HOME ${PATH} %d \\ # *",
    "-x",
    "ü",
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile in a folder of its own, with programs that only note what they are given."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "bin").mkdir()
    for name in ("python", "it's"):
        (tmp_path / "bin" / name).write_text(FAKE)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def make(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    command = ["make", "-o", "install", "-o", "slurm-packages", "BIN=bin", *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, env=os.environ | environment)


def said(checkout: Path) -> list[str]:
    found: list[str] = json.loads((checkout / "said.json").read_text())
    return found


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("target", ["verify", "pull", "track", "push"])
def test_a_table_or_scale_is_one_argument(checkout: Path, target: str, value: str) -> None:
    make(checkout, target, f"TABLE={value}", f"SCALE={value}")
    assert said(checkout) == ["-m", "lacuna.versioning", target, "--scale", value, "--table", value]
    make(checkout, target, TABLE=value)
    assert said(checkout) == ["-m", "lacuna.versioning", target, "--table", value]
    assert not (checkout / "ran").exists()


@pytest.mark.parametrize("value", VALUES[:9])
def test_no_other_variable_is_run(checkout: Path, value: str) -> None:
    make(checkout, "test-slurm", f"FILES={value}")
    for name in ("PYTHON", "BIN"):
        for target in (".venv/installed", "help", "verify"):
            subprocess.run(["make", "-o", "install", target, f"{name}={value}"], cwd=checkout, capture_output=True)
    assert not (checkout / "ran").exists()


def test_a_newline_stops_and_runs_nothing(checkout: Path) -> None:
    for value in ("a\ntouch ran\n", "'\ntouch ran\n'", "a'\ntouch ran #"):
        assert make(checkout, "verify", f"TABLE={value}").returncode != 0
    assert not (checkout / "ran").exists()


@pytest.mark.parametrize("name", ["{x}", "a{b", "a}b", "a b"])
def test_a_path_that_snakemake_cannot_take_is_one_sentence(checkout: Path, name: str) -> None:
    (checkout / name).mkdir()
    shutil.copy(checkout / "Makefile", checkout / name)
    done = subprocess.run(["make", "help"], cwd=checkout / name, capture_output=True, text=True)
    assert done.returncode != 0
    assert "has a space or a brace, which Snakemake cannot run scripts in" in done.stderr


@pytest.mark.parametrize("name", ["it's", 'a"b', "a$b", "a;b", "a#b", "a&b"])
def test_other_paths_are_taken(checkout: Path, name: str) -> None:
    shutil.copytree(checkout / "bin", checkout / name / "bin")
    shutil.copy(checkout / "Makefile", checkout / name)
    assert make(checkout / name, "verify").returncode == 0
    assert said(checkout / name) == ["-m", "lacuna.versioning", "verify"]
