"""The tiny configuration on a real Slurm cluster (tests/slurm/cluster.sh): same tables as a local run."""

import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from clusters import Cluster, marks, running, with_cluster
from conftest import TARGETS

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = marks


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running cluster."""
    with running(tmp_path_factory) as made:
        yield made


@pytest.fixture
def cluster(started: Cluster) -> Cluster:
    """It, as if it had no jobs yet."""
    started.forget()
    return started


@pytest.fixture
def remote(small: "Tree", cluster: Cluster) -> "Tree":
    """The tiny configuration, before any run, with a cluster at hand."""
    return with_cluster(small, cluster)


def jobs(cluster: Cluster) -> Counter[tuple[str, ...]]:
    """How many jobs of this test the cluster knows, by partition and state."""
    return Counter(tuple(line) for line in cluster.all_jobs("%P %T"))


def test_the_profile_alone_plans_the_papers_scale(pristine: "Tree") -> None:
    status, said = pristine.call("-n", "--profile", "slurm", "tables/table3.csv")
    assert status == 0
    assert "results/paper/cifar10/" in said
    assert "results/demo/" not in said
    assert "slurm_partition=gpu, gpu=1" in said


@pytest.mark.parametrize("slots", [4, 100])
def test_tables_made_on_the_cluster_are_those_of_a_local_run(
    remote: "Tree", finished: "Tree", cluster: Cluster, slots: int
) -> None:
    """Of six trainings that are ready at once four are submitted, or all: 100 is what the profile says."""
    arguments = ["--jobs", "4"] if slots == 4 else []
    assert "\njobs: 100 " in (remote / "slurm/profile.yaml").read_text()
    status, said = remote.call("--profile", "slurm", *arguments, *remote.targets, "--config", "scale=demo")
    assert status == 0, said[-4000:]
    assert remote.contents("tables") == finished.contents("tables")
    assert remote.contents("figures") == finished.contents("figures")
    assert remote.planned() == {}
    networks, sources, targets = 6, 2, 4
    assert jobs(cluster) == {("gpu", "COMPLETED"): networks + 1 + sources + targets, ("cpu", "COMPLETED"): 1}


@pytest.mark.parametrize("slots", [1, 2])
def test_more_jobs_may_be_ready_than_slots_are_free(finished: "Tree", cluster: Cluster, slots: int) -> None:
    """Four evaluations. Where that takes longer than a minute, a line of the main process says how far the run is."""
    table = finished.contents("tables")
    for stage in ("evaluate", "cells", "table"):
        shutil.rmtree(finished.results / stage)
    shutil.rmtree(finished / "tables")
    tree = with_cluster(finished, cluster)
    tree.patience = 600
    begun = time.monotonic()
    status, said = tree.call("--profile", "slurm", "--jobs", str(slots), TARGETS[0], "--config", "scale=demo")
    assert status == 0, said[-4000:]
    lines = re.findall(r"^Run: (\d+) of (\d+) jobs done, .* left \(until [^)]+\); longest now: evaluate ", said, re.M)
    assert lines or time.monotonic() - begun < 90
    assert all(int(done) < int(of) for done, of in lines)
    assert tree.contents("tables") == table
    assert jobs(cluster) == {("gpu", "COMPLETED"): 4}
    assert max(in_the_queue(said)) <= slots


def test_jobs_share_a_gpu_where_they_ask_for_shards_and_wait_where_none_is_free(
    remote: "Tree", finished: "Tree", cluster: Cluster
) -> None:
    """Six trainings are ready at once; the node has two GPUs of two shards each."""
    remote.replace("slurm/profile.yaml", "- shards = 0\n", "- shards = 1\n")
    with watched_queue(cluster) as seen:
        status, said = remote.call("--profile", "slurm", *remote.targets, "--config", "scale=demo")
    assert status == 0, said[-4000:]
    assert remote.contents("tables") == finished.contents("tables")
    assert max(seen["RUNNING"]) == 4
    assert max(seen["PENDING"]) > 0
    assert {tuple(line) for line in cluster.all_jobs("%P %b")} == {("gpu", "gres:shard:1"), ("cpu", "N/A")}


@contextmanager
def watched_queue(cluster: Cluster) -> Iterator[dict[str, list[int]]]:
    """How many jobs of GPUs ran and waited, as the queue said every half a second."""
    seen: dict[str, list[int]] = {"RUNNING": [0], "PENDING": [0]}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            states = Counter(state for (state,) in cluster.jobs("%T"))
            for state, counts in seen.items():
                counts.append(states[state])

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def in_the_queue(said: str) -> list[int]:
    """How many jobs are there after each that was submitted or finished."""
    events = re.findall(r"has been submitted with SLURM jobid|^Finished jobid", said, re.M)
    return list(accumulate(-1 if event.startswith("Finished") else 1 for event in events))


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
