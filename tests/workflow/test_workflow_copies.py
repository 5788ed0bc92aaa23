"""Jobs that are given copies of what their rules declare, as generated unit tests are, find all that they read."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

TABLE = "tables/table3.csv"
RULES = {"dataset", "train_resnet18", "select", "attack", "evaluate", "cells", "table", "publish_table"}


def test_generated_unit_tests_hold_the_provenance_of_what_they_read(finished: "Tree") -> None:
    asked = [sys.executable, "-m", "snakemake", "--generate-unit-tests", "generated", "--", TABLE]
    subprocess.run(asked, cwd=finished.root, env=finished.variables(), check=True, capture_output=True)
    assert {path.name for path in (finished / "generated").iterdir() if path.is_dir()} >= RULES
    for name in RULES - {"dataset", "publish_table"}:  # which read no artefact, or copy what is drawn
        data = finished / "generated" / name / "data/results/demo"
        read = [path for path in data.rglob("*") if path.is_file() and path.suffix != ".json"]
        assert read, name
        assert all(Path(f"{path}.prov.json").is_file() for path in read), name
    assert finished.planned() == {}, "and the next run makes nothing again"
