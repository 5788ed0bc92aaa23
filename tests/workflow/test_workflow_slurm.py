"""The tiny configuration on a real Slurm cluster (tests/slurm/cluster.sh): same tables as a local run."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from clusters import Cluster, marks, running, with_cluster

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = marks


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running cluster."""
    with running(tmp_path_factory) as made:
        yield made


@pytest.fixture
def remote(small: "Tree", cluster: Cluster) -> "Tree":
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
def test_the_whole_demo_gives_the_same_table(pristine: "Tree", cluster: Cluster, tmp_path: Path) -> None:
    """Twenty minutes: `make test-slurm-demo`."""
    pristine.patience = 3600
    local = replace(pristine, root=Path(shutil.copytree(pristine.root, tmp_path / "local")), environment={})
    arguments = ("--profile", "slurm", "tables/table3.csv", "--config", "scale=demo")
    status, said = with_cluster(pristine, cluster).call(*arguments)
    assert status == 0, said[-4000:]
    local.run("tables/table3.csv")
    assert pristine.contents("tables") == local.contents("tables")
