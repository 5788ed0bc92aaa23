"""As a module of another workflow, with a prefix or from another folder, the workflow says what to do instead."""

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

TABLE = "tables/table3.csv"


def call(tree: "Tree", folder: Path, *arguments: str) -> tuple[int, str]:
    """Snakemake in another folder: its exit status, and what it said."""
    words = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", *arguments]
    done = subprocess.run(words, cwd=folder, env=tree.variables(), capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def sentence(said: str) -> str:
    """The one sentence of the refusal."""
    found = re.findall(r"^WorkflowError in file .*Snakefile.*\n(.+)$", said, re.M)
    assert len(found) == 1, said
    assert "Traceback" not in said
    return str(found[0])


@pytest.mark.parametrize("line", ["", '    prefix: "sub"\n', "    config: {}\n", None])
@pytest.mark.parametrize("beside", [True, False])
def test_it_is_no_module_of_another_workflow(small: "Tree", tmp_path: Path, line: str | None, beside: bool) -> None:
    folder = small.root if beside else tmp_path
    used = f'module lacuna:\n    snakefile: "{small.root}/Snakefile"\n{line}\nuse rule * from lacuna as lacuna_*\n'
    (folder / "other.smk").write_text(used if line is not None else f'include: "{small.root}/Snakefile"\n')
    status, said = call(small, folder, "-s", "other.smk")
    assert status != 0
    assert sentence(said).startswith("Lacuna is no module or part of another workflow, with or without a prefix: ")
    assert "`cd lacuna && snakemake tables/table3.csv`" in said


def test_it_runs_in_its_own_folder_alone(small: "Tree", tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder, arguments in ((small.root, ("-d", str(elsewhere))), (elsewhere, ("-s", str(small / "Snakefile")))):
        status, said = call(small, folder, *arguments, "--", TABLE)
        assert status != 0
        assert sentence(said).startswith(
            f"this workflow runs in its own folder, and not in {elsewhere}: `cd {small.root}`"
        )
    assert {path.name for path in elsewhere.iterdir()} <= {".snakemake"}


def test_from_elsewhere_it_runs_where_both_are_named(small: "Tree", tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(small.root)
    for place in (small.root, link):
        status, said = call(small, tmp_path, "-s", f"{place}/Snakefile", "-d", str(place), "--", TABLE)
        assert status == 0, said


def test_graphs_of_rules_and_files_are_drawn(small: "Tree") -> None:
    for option, word in (("--rulegraph", "evaluate"), ("--filegraph", "table3")):
        done = small.execute(option, "--", TABLE)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("digraph ")
        assert word in done.stdout
