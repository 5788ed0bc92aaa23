"""Whoever only looks changes nothing: the lock and the Slurm jobs of a killed run, which may be at work, stay."""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import copy

from lacuna.files.processes import this_process

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

TABLE = "tables/table3.csv"
ORPHAN = "lacuna_0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"
COST, SUMMARY = "Cost: ", "table3: datasets: fashion-mnist-subset; networks: "
LEFT = ("0.output.lock", "killed.json")


@pytest.fixture(scope="module")
def killed(finished_root: Path, tmp_path_factory: pytest.TempPathFactory) -> "Tree":
    """A tree in which a run was killed, whose job is still in the queue; tests change nothing in it."""
    tree = copy(finished_root, tmp_path_factory.mktemp("killed") / "tree")
    leave_behind(tree)
    return tree


def leave_behind(tree: "Tree") -> None:
    """A killed run's note, lock and job, with stand-ins of squeue and scancel."""
    for name, content in (
        ("runs/killed.json", json.dumps(this_process() | {"pid": 0})),
        ("locks/0.output.lock", TABLE),
    ):
        (tree / ".snakemake" / name).parent.mkdir(exist_ok=True)
        (tree / ".snakemake" / name).write_text(content)
    tools = tree.root.parent / "tools"
    tools.mkdir()
    said = f'echo squeue >> {tools}/called\necho "7|{os.getuid()}|R|{ORPHAN}|{tree.root}"'
    for name, text in (("squeue", said), ("scancel", f"echo scancel >> {tools}/called")):
        (tools / name).write_text(f"#!/bin/sh\n{text}\n")
        (tools / name).chmod(0o755)
    tree.environment |= {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(tools)}


def called(tree: "Tree") -> list[str]:
    """Programs of Slurm that were called."""
    log = tree.root.parent / "tools/called"
    return log.read_text().split() if log.exists() else []


def state(tree: "Tree") -> dict[str, str]:
    """All files and folders of a tree with a digest of each; without Snakemake's own logs and cache of file times."""
    found = {}
    for path in sorted(tree.root.rglob("*")):
        name = str(path.relative_to(tree.root))
        if not name.startswith((".snakemake/log", ".snakemake/iocache")) and "__pycache__" not in name:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return found


@pytest.mark.parametrize(
    ("line", "cost", "succeeds"),
    [
        (f"-np {TABLE}", True, True),
        (f"{TABLE} -nq", True, True),
        (f"--dryrun --quiet all -- {TABLE}", True, True),
        (f"--dry- -R evaluate --config seed=1 -- {TABLE}", True, True),
        ("-n tables/tabel3.csv", False, False),
        (f"--summary {TABLE}", False, True),
        ("--list-rules", False, True),
        ("--lint", False, True),
        (f"--dag -- {TABLE}", False, True),
        ("--list-untracked", False, True),
        (f"--delete-all-output -n {TABLE}", False, True),
        ("--version", False, True),
        ("--profile nowhere", False, False),
    ],
)
def test_after_a_killed_run_a_look_changes_nothing(killed: "Tree", line: str, cost: bool, succeeds: bool) -> None:
    before = state(killed)
    status, said = killed.call(*line.split())
    assert (status == 0) is succeeds, said
    assert said.count(COST) == said.count(SUMMARY) == int(cost), said
    assert state(killed) == before
    assert called(killed) == []


@pytest.mark.parametrize(
    ("line", "made"),
    [
        (f"--report figures/report.html {TABLE}", "figures/report.html"),
        (f"--generate-unit-tests tests/generated -- {TABLE}", "tests/generated"),
        ("--containerize", ""),
    ],
)
def test_nor_does_what_writes_a_file_of_its_own_do_more(killed: "Tree", line: str, made: str) -> None:
    before = state(killed)
    _, said = killed.call(*line.split())
    after = state(killed)
    new = {name: digest for name, digest in after.items() if before.get(name) != digest}
    if made:
        assert (killed / made).exists(), said
    assert all(name.startswith(made or "no") or (killed / name).is_dir() for name in new), new
    assert set(before) <= set(after)
    assert all((killed / ".snakemake").glob(f"*/{name}") for name in LEFT)
    assert called(killed) == []
    if made:
        shutil.rmtree(killed / made) if (killed / made).is_dir() else (killed / made).unlink()


def test_a_run_removes_the_lock_and_before_its_first_job_cancels_what_is_in_the_queue(
    finished: "Tree",
) -> None:
    leave_behind(finished)
    nothing_to_do = finished.run(TABLE)
    assert "its lock is removed" in nothing_to_do
    assert called(finished) == [], "nothing is made, so that nothing stands in the way"
    (finished / TABLE).unlink()
    said = finished.run(TABLE)
    assert "Cancelled 1 Slurm jobs of the killed run, to go on from what they kept: 7" in said
    assert called(finished) == ["squeue", "scancel"]
    assert list((finished / ".snakemake/runs").iterdir()) == []


def test_a_touch_removes_the_lock_that_is_in_its_way_and_cancels_nothing(finished: "Tree") -> None:
    leave_behind(finished)
    finished.append("config/scales/demo.yaml")
    said = finished.run("--touch", TABLE)
    assert "its lock is removed" in said
    assert called(finished) == []
    assert [path.name for path in (finished / ".snakemake/runs").iterdir()] == ["killed.json"]


def test_a_users_number_of_cores_stays(finished: "Tree") -> None:
    """As do those of the command line; without either all cores are used."""
    profile = finished.root.parent / "own.yaml"
    profile.write_text("cores: 1\n")
    (finished / TABLE).unlink()
    command = [sys.executable, "-m", "snakemake", TABLE]
    finished.environment["SNAKEMAKE_PROFILE"] = str(profile)
    said = finished.call(*command[3:])[1]
    assert "Provided cores: 1 " in said, said
    finished.environment["SNAKEMAKE_PROFILE"] = "none"
    for arguments, cores in ((["-j", "1"], "1 "), ([], str(os.cpu_count()))):
        (finished / TABLE).unlink()
        status, said = finished.call(TABLE, *arguments)
        assert status == 0, said
        assert f"Provided cores: {cores}" in said, said
