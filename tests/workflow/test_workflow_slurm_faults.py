"""Faults of a real Slurm cluster while it works on a table: at the end the table is that of an undisturbed run.

The job that suffers is a training that waits after an epoch for as long as the test tells it to, so that it is at work
when it is harmed, however fast or slow the machine is.
"""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from clusters import Cluster, Run, marks, needs_accounting, running, wait, with_cluster
from conftest import copy, made_once
from safetensors import safe_open

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = marks
VICTIM, TABLE = "resnet18-bottom0.5-standard-s1m1", "tables/table3.csv"
CHECKPOINT = f"results/demo/fashion-mnist-subset/train/{VICTIM}.safetensors"
STATE = f"results/demo/fashion-mnist-subset/train/state/{VICTIM}.safetensors"
LOG = f"logs/demo/fashion-mnist-subset/train/{VICTIM}.log"
EPOCHS, ALL = 8, 99
# In the tree's own copy of the library: once that many steps are kept as the file says, go no further.
HOLD = """\
        while Path("hold").exists() and done >= int(Path("hold").read_text()):
            time.sleep(0.1)
"""


def slow_down(tree: "Tree") -> None:
    """One architecture with two rows, more epochs of fewer steps, and jobs that can be held after one."""

    def paper(content: Any) -> None:
        sources = ["resnet18-standard-s0"]
        content["selections"]["transfer"]["sources"] = list(sources)
        content["suites"]["pgd16"]["sources"] = list(sources)
        table = content["tables"]["table3"]
        table["columns"] = [c for c in table["columns"] if c.get("source", sources[0]) in sources]
        table["rows"] = [r for r in table["rows"] if r["model"].startswith("resnet18")]
        assert VICTIM in [row["model"] for row in table["rows"]]

    tree.configure("config/papers/defective.yaml", paper)
    tree.replace("config/scales/demo.yaml", "epochs: 1", f"epochs: {EPOCHS}")
    tree.replace("config/scales/demo.yaml", "batch_size: 8", "batch_size: 64")
    tree.replace(
        "src/lacuna/files/states.py",
        "        now = time.monotonic()\n",
        f"{HOLD}        now = time.monotonic()\n",
    )
    tree.append("rules/evaluate.smk", "localrules: evaluate\n")  # one job on the cluster is enough


@pytest.fixture(scope="session")
def undisturbed_root(shared: Path, small_root: Path) -> Path:
    """That configuration after an undisturbed local run."""

    def make(folder: Path) -> None:
        tree = copy(small_root, folder)
        slow_down(tree)
        tree.run(TABLE)

    return made_once(shared / "undisturbed", make)


@pytest.fixture
def tree(undisturbed_root: Path, tmp_path: Path) -> "Tree":
    """That run without the victim and without all that depends on it."""
    made = copy(undisturbed_root, tmp_path / "tree")
    for pattern in (f"{CHECKPOINT[:-12]}*", f"results/*/*/evaluate/*/{VICTIM}*", "results/*/*/cells/*", "tables/*"):
        found = list(made.root.glob(pattern))
        assert found, pattern
        for path in found:
            path.unlink()
    return made


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster without a database of finished jobs, or, where a test asks for it, with one."""
    with running(tmp_path_factory, getattr(request, "param", "") == "accounting") as made:
        yield made


@pytest.fixture
def start(tree: "Tree", cluster: Cluster) -> Iterator[Callable[..., Run]]:
    """Starts the run, its training held after each epoch; what is left of it at the end of a test is killed."""
    with_cluster(tree, cluster)
    hold(tree, 1)
    runs: list[Run] = []

    def begin() -> Run:
        runs.append(Run(tree, cluster))
        return runs[-1]

    yield begin
    for run in runs:
        run.kill()
    cluster.empty()
    cluster.forget()


def hold(tree: "Tree", epoch: int) -> None:
    """Lets the training go on until it has kept this epoch, or the one that it is at."""
    (tree / "hold.new").write_text(str(epoch))
    os.replace(tree / "hold.new", tree / "hold")


def kept(tree: "Tree") -> int:
    """The epoch after which a job that starts now goes on."""
    try:
        with safe_open(tree / STATE, framework="numpy") as file:
            return int(json.loads(file.metadata()["state"])["done"])
    except FileNotFoundError:
        return 0


def at_work(run: Run, after: int = 0) -> int:
    """Waits until the training has gone on by an epoch: the last one kept."""
    run.wait(lambda: kept(run.tree) > after, f"an epoch after {after}")
    return kept(run.tree)


def another(cluster: Cluster, job: str, columns: str = "%i") -> list[list[str]]:
    """The jobs in the queue but this one, which may be ending."""
    return [line[1:] for line in cluster.jobs(f"%i {columns}") if line[0] != job]


def went_on(tree: "Tree") -> int:
    """The epoch after which the job that ended well had begun."""
    found = re.search(r": going on after epoch (\d+)", (tree / LOG).read_text())
    assert found
    return int(found[1])


def check(tree: "Tree", undisturbed_root: Path) -> None:
    """The table is the undisturbed one, and nothing is left behind."""
    assert (tree / TABLE).read_bytes() == (undisturbed_root / TABLE).read_bytes()
    assert (tree / CHECKPOINT).read_bytes() == (undisturbed_root / CHECKPOINT).read_bytes()
    assert not (tree / STATE).exists()
    assert [path for path in (tree / "results").rglob(".*") if path.is_file()] == []
    assert tree.planned(TABLE) == {}


@pytest.mark.parametrize(
    "cluster", ["none", pytest.param("accounting", marks=needs_accounting)], indirect=True, scope="module"
)
def test_a_cancelled_job_is_submitted_again_with_more_time_and_memory_and_goes_on(
    start: Callable[..., Run], cluster: Cluster, tree: "Tree", undisturbed_root: Path
) -> None:
    run = start()
    epoch = at_work(run)
    ((job, minutes, memory),) = cluster.jobs("%i %l %m")
    assert (minutes, memory) == ("1:00:00", "2500M")
    cluster.call("scancel", job)
    run.wait(lambda: another(cluster, job), "the second attempt")
    assert another(cluster, job, "%l %m") == [["2:00:00", "5000M"]]
    hold(tree, ALL)
    run.finish()
    assert went_on(tree) >= epoch
    check(tree, undisturbed_root)


@pytest.mark.parametrize("cluster", ["none"], indirect=True, scope="module")
def test_a_preempted_job_and_one_over_its_time_limit_go_on(
    start: Callable[..., Run], cluster: Cluster, tree: "Tree", undisturbed_root: Path
) -> None:
    run = start()
    epoch = at_work(run)
    ((job,),) = cluster.jobs()
    cluster.call("sbatch", "--partition=urgent", "--gpus=2", "--output=/dev/null", "--wrap=sleep 3")
    run.wait(lambda: cluster.jobs("%i %t") == [[job, "PD"]], "preemption")
    run.wait(lambda: not cluster.jobs(partition="urgent"), "the end of the urgent job")
    cluster.hurry()
    epoch = at_work(run, epoch)
    assert cluster.jobs() == [[job]], "requeued under its number"

    cluster.call("scontrol", "update", f"JobId={job}", "TimeLimit=1")
    run.wait(lambda: another(cluster, job), "the second attempt")
    assert another(cluster, job, "%l") == [["2:00:00"]]
    hold(tree, ALL)
    run.finish()
    assert went_on(tree) >= epoch
    check(tree, undisturbed_root)


@pytest.mark.parametrize("cluster", ["none"], indirect=True, scope="module")
def test_a_lost_node_and_a_controller_that_is_away_cost_nothing_but_time(
    start: Callable[..., Run], cluster: Cluster, tree: "Tree", undisturbed_root: Path
) -> None:
    run = start()
    epoch = at_work(run)
    ((job,),) = cluster.jobs()
    cluster.lose("g1")
    run.wait(lambda: cluster.jobs("%i %t") == [[job, "PD"]], "the job back in the queue")
    cluster.mend("g1")
    cluster.hurry()
    epoch = at_work(run, epoch)
    assert cluster.jobs() == [[job]], "requeued under its number"

    hold(tree, epoch + 2)
    cluster.away(30)
    assert at_work(run, epoch + 1) == epoch + 2, "jobs work on meanwhile"
    hold(tree, ALL)
    run.finish()
    assert went_on(tree) >= epoch - 1
    check(tree, undisturbed_root)


@pytest.mark.parametrize("cluster", ["none"], indirect=True, scope="module")
def test_after_snakemake_was_killed_the_same_command_cancels_its_jobs_and_goes_on(
    start: Callable[..., Run], cluster: Cluster, tree: "Tree", undisturbed_root: Path
) -> None:
    run = start()
    epoch = at_work(run)
    ((orphan,),) = cluster.jobs()
    run.kill()
    hold(tree, epoch + 1)
    wait(lambda: kept(tree) > epoch, "the orphan, which works on")
    run = start()
    run.wait(lambda: "Cancelled" in run.said, "the orphan's end")
    assert "The last run here was killed; its lock is removed" in run.said
    assert f"Cancelled 1 Slurm jobs of the killed run, to go on from what they kept: {orphan}" in run.said
    hold(tree, ALL)
    run.finish()
    assert went_on(tree) > epoch
    check(tree, undisturbed_root)


@pytest.mark.parametrize("cluster", ["none"], indirect=True, scope="module")
def test_a_controller_that_is_away_when_jobs_are_submitted_costs_nothing_but_time(
    start: Callable[..., Run], cluster: Cluster, tree: "Tree", undisturbed_root: Path
) -> None:
    hold(tree, ALL)
    cluster.stop()
    run = start()
    run.wait(lambda: outage(tree), "a submission that waits")
    run.wait(lambda: "Slurm does not answer (" in run.said, "a line that says so")
    time.sleep(70)
    cluster.back()
    run.finish()
    assert "Slurm answers again." in run.said
    assert "Trying to restart" not in run.said
    assert cluster.all_jobs("%T") == [["COMPLETED"]]
    check(tree, undisturbed_root)


@pytest.mark.parametrize("cluster", ["none"], indirect=True, scope="module")
def test_an_answer_that_is_lost_submits_nothing_twice(
    start: Callable[..., Run], cluster: Cluster, tree: "Tree", undisturbed_root: Path
) -> None:
    """The controller takes the request, and answers when nobody listens any more."""
    hold(tree, ALL)
    with cluster.frozen():
        run = start()
        run.wait(lambda: outage(tree), "a request without an answer")
    run.finish()
    assert "Trying to restart" not in run.said
    states = [state for (state,) in cluster.all_jobs("%T")]
    assert states.count("COMPLETED") == 1
    assert set(states) <= {"COMPLETED", "CANCELLED"}, "one that came twice was cancelled before it began"
    check(tree, undisturbed_root)


@pytest.mark.parametrize("cluster", ["none"], indirect=True, scope="module")
def test_an_interrupted_run_submits_nothing_any_more(
    start: Callable[..., Run], cluster: Cluster, tree: "Tree", undisturbed_root: Path
) -> None:
    hold(tree, ALL)
    cluster.stop()
    run = start()
    run.wait(lambda: outage(tree), "a submission that waits")
    os.kill(run.process.pid, signal.SIGINT)
    assert run.process.wait(120) != 0
    assert "Traceback" not in run.said
    cluster.back()
    assert cluster.all_jobs() == []
    run = start()
    run.finish()
    check(tree, undisturbed_root)


def outage(tree: "Tree") -> list[Path]:
    """Notes of submissions, or of questions, that nobody answers."""
    return list(tree.root.glob(".snakemake/slurm/*/away"))


def limited(tree: "Tree", minutes: int) -> None:
    """Lets no job ask for more time than so many minutes."""
    tree.replace("slurm/profile.yaml", "longest = 3 * 24 * 60", f"longest = {minutes}")


def out_of_time(run: Run, held: int) -> None:
    """Holds the training for more than a third of two minutes, so that another step like this one is too long."""
    assert at_work(run, held - 1) == held
    time.sleep(50)
    hold(run.tree, held + 1)


@pytest.mark.parametrize("cluster", ["none"], indirect=True, scope="module")
def test_a_training_longer_than_the_partition_allows_is_queued_again_until_it_is_done(
    start: Callable[..., Run], cluster: Cluster, tree: "Tree", undisturbed_root: Path
) -> None:
    limited(tree, 2)
    run = start()
    assert at_work(run) == 1
    ((job, limit),) = cluster.jobs("%i %l")
    assert limit == "2:00"
    for held in (1, 2):
        out_of_time(run, held)
        run.wait(lambda: cluster.jobs("%i %t") == [[job, "PD"]], "the job back in the queue")
        cluster.hurry()
        at_work(run, held)
    hold(tree, ALL)
    run.finish()
    assert went_on(tree) == 2
    assert "Restarts=2" in cluster.call("scontrol", "show", "job", job)
    assert "Error in rule" not in run.said
    check(tree, undisturbed_root)


@pytest.mark.parametrize("cluster", ["none"], indirect=True, scope="module")
def test_where_slurm_does_not_queue_a_job_again_one_sentence_says_so_and_the_next_attempt_goes_on(
    start: Callable[..., Run], cluster: Cluster, tree: "Tree", undisturbed_root: Path
) -> None:
    limited(tree, 2)
    run = start()
    assert at_work(run) == 1
    ((job,),) = cluster.jobs()
    cluster.call("scontrol", "update", f"JobId={job}", "Requeue=0")
    out_of_time(run, 1)
    run.wait(lambda: another(cluster, job), "the second attempt")
    assert another(cluster, job, "%l") == [["2:00"]], "no attempt asks for more"
    hold(tree, ALL)
    run.finish()
    (log,) = (tree / ".snakemake/slurm_logs").rglob(f"{job}.log")
    assert f"error: Slurm does not queue job {job} again (" in log.read_text()
    assert went_on(tree) >= 1
    check(tree, undisturbed_root)
