"""Commands whose reader leaves early, as `| head -1` does, end without a traceback; errors are one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from lacuna.errors import LacunaError
from lacuna.jobs.commands import command

LONG = """
from lacuna.jobs.commands import command
with command():
    for i in range(200_000):
        print("a line of some length", i)
"""
SHORT = LONG.replace("200_000", "3")


@pytest.mark.parametrize("text", [LONG, SHORT])
def test_a_reader_that_leaves_early_is_no_error(text: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate(timeout=60)
    assert said == b""
    assert process.returncode == 141


def test_cost_may_be_cut_short(root: Path) -> None:
    call = f"set -o pipefail; {sys.executable} -m lacuna.cost --scale paper | head -1"
    done = subprocess.run(["bash", "-c", call], cwd=root, capture_output=True, text=True, timeout=300)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


def test_an_error_is_one_sentence_with_status_one() -> None:
    with pytest.raises(SystemExit, match=r"^error: a thing is wrong; allowed: another$"), command():
        raise LacunaError("a thing is wrong; allowed: another")


def test_other_statuses_pass() -> None:
    with pytest.raises(SystemExit) as ended, command():
        sys.exit(3)
    assert ended.value.code == 3
