"""The tiny configuration on a real Slurm cluster (tests/slurm/cluster.sh): same tables as a local run."""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Tree

CLUSTER = Path(__file__).resolve().parents[1] / "slurm/cluster.sh"
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.workflow,
    pytest.mark.skipif(
        not all(shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") for name in ("slurmctld", "munged")),
        reason="needs the Debian packages slurm-wlm and munge: make test-slurm installs them",
    ),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running cluster, as the environment variables that lead to it; the home directory is empty."""
    folder = tmp_path_factory.mktemp("slurm")
    home = tmp_path_factory.mktemp("home")
    subprocess.run([CLUSTER, "up", folder], check=True, timeout=60)
    try:
        yield {
            "SLURM_CONF": str(folder / "etc/slurm.conf"),
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(home),
        }
    finally:
        subprocess.run([CLUSTER, "down", folder], check=True, timeout=60)


def with_cluster(tree: "Tree", cluster: dict[str, str]) -> "Tree":
    """The tree with a cluster at hand, whose nodes have less memory than real ones."""
    tree.environment |= cluster
    for asked, there in (
        ("mem_mb=12000", "mem_mb=2500"),
        ("mem_mb=8000", "mem_mb=2500"),
        ("mem_mb=4000", "mem_mb=1500"),
    ):
        tree.replace("slurm/profile.yaml", asked, there)
    tree.replace("slurm/profile.yaml", "status-checks: 10", "status-checks: 2")
    return tree


@pytest.fixture
def remote(small: "Tree", cluster: dict[str, str]) -> "Tree":
    """The tiny configuration, before any run, with a cluster at hand."""
    return with_cluster(small, cluster)


def jobs(tree: "Tree") -> Counter[tuple[str, str]]:
    """How many finished jobs the cluster knows, by partition and state."""
    asked = ["squeue", "--states=all", "--noheader", "--array", "--format=%P %T"]
    said = subprocess.run(asked, env=tree.variables(), capture_output=True, text=True, check=True).stdout
    return Counter((partition, state) for partition, state in (line.split() for line in said.splitlines()))


def test_the_profile_alone_plans_the_papers_scale(pristine: "Tree") -> None:
    status, said = pristine.call("-n", "--profile", "slurm", "tables/table3.csv")
    assert status == 0
    assert "results/paper/cifar10/" in said
    assert "results/demo/" not in said
    assert "slurm_partition=gpu, gpu=1" in said


def test_tables_made_on_the_cluster_are_those_of_a_local_run(remote: "Tree", finished: "Tree") -> None:
    status, said = remote.call("--profile", "slurm", *remote.targets, "--config", "scale=demo")
    assert status == 0, said[-4000:]
    assert remote.contents("tables") == finished.contents("tables")
    assert remote.contents("figures") == finished.contents("figures")
    assert remote.planned() == {}
    networks, sources, targets = 6, 2, 4
    assert jobs(remote) == {("gpu", "COMPLETED"): networks + 1 + sources + targets, ("cpu", "COMPLETED"): 1}


@pytest.mark.demo
def test_the_whole_demo_gives_the_same_table(pristine: "Tree", cluster: dict[str, str], tmp_path: Path) -> None:
    """Twenty minutes: `make test-slurm-demo`."""
    pristine.patience = 3600
    local = replace(pristine, root=Path(shutil.copytree(pristine.root, tmp_path / "local")), environment={})
    arguments = ("--profile", "slurm", "tables/table3.csv", "--config", "scale=demo")
    status, said = with_cluster(pristine, cluster).call(*arguments)
    assert status == 0, said[-4000:]
    local.run("tables/table3.csv")
    assert pristine.contents("tables") == local.contents("tables")
