"""A crate of the tiny end-to-end run: made by name, noted, the same twice, and sound to tools that are not ours."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from forging import flip
from validating import issues, reported

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow
CRATE = "crates/table3.zip"


def test_a_crate_of_the_tiny_run_is_made_by_name_and_others_tools_find_it_sound(finished: "Tree") -> None:
    planned = finished.planned(CRATE)
    assert planned == {"crate": 1}
    assert CRATE in finished.run(CRATE)
    first = (finished / CRATE).read_bytes()
    root = hashlib.sha256(first).hexdigest()
    assert (finished / f"{CRATE}.sha256").read_text() == f"{root}  table3.zip\n"
    checker = Path(finished.root, "src/lacuna/crates/check.py")
    done = subprocess.run(
        [sys.executable, "-I", "-S", checker, finished / CRATE, root], capture_output=True, text=True, check=True
    )
    assert "0 by digest alone; root as given" in done.stdout
    assert issues(finished / CRATE) == []
    assert "instrument: source/workflow/scripts/train.py" in reported(finished / CRATE)
    finished.run("--force", CRATE)
    assert (finished / CRATE).read_bytes() == first
    assert finished.planned(CRATE) == {}
    status, said = finished.call("--cores", "1", "audit")
    assert status == 0, said
    flip(finished / CRATE)
    status, said = finished.call("--cores", "1", "audit")
    assert status != 0
    assert "1 tampered" in said
    status, said = finished.call("--cores", "1", "audit", "--config", f"baseline={CRATE}")
    assert status != 0
    assert f"{CRATE} is no sound crate" in said


def test_a_name_of_a_crate_that_is_mistyped_is_answered_with_the_nearest(finished: "Tree") -> None:
    assert "did you mean crates/table3.zip?" in finished.refused("crates/tabel3.zip")
