"""A private Slurm cluster (tests/slurm/cluster.sh) for tests, and what can happen to one."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from conftest import Tree

SCRIPT = Path(__file__).resolve().parents[1] / "slurm/cluster.sh"
TOOLS = os.environ["PATH"] + ":/usr/sbin"
PATIENCE = 1200.0  # seconds that a busy machine may take; only a failure takes them all


def there(*tools: str) -> bool:
    return all(shutil.which(name, path=TOOLS) for name in tools)


marks = [
    pytest.mark.slurm,
    pytest.mark.workflow,
    pytest.mark.skipif(
        not there("slurmctld", "munged"),
        reason="needs the Debian packages slurm-wlm and munge: make test-slurm installs them",
    ),
]
needs_accounting = pytest.mark.skipif(
    not there("slurmdbd", "mariadbd"), reason="needs the Debian packages slurmdbd and mariadb-server-core"
)


def wait(true: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Waits until something is true."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"waited {patience:.0f} s for {what}"
        time.sleep(0.2)


@dataclass
class Cluster:
    """A running cluster, reached through ``environment``; the home directory is empty."""

    folder: Path
    home: Path
    accounting: bool = False
    environment: dict[str, str] = field(init=False)
    forgotten: int = 0  # the last job of earlier tests

    def __post_init__(self) -> None:
        self.environment = {
            "SLURM_CONF": str(self.folder / "etc/slurm.conf"),
            "PATH": f"{self.folder / 'bin'}:{TOOLS}",
            "HOME": str(self.home),
        }

    def call(self, *command: str) -> str:
        """What one of Slurm's programs says."""
        variables = os.environ | self.environment
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout

    def script(self, action: str) -> None:
        variables = os.environ | {"ACCOUNTING": str(int(self.accounting))}
        subprocess.run([SCRIPT, action, self.folder], check=True, timeout=PATIENCE, env=variables)

    def jobs(self, columns: str = "%i", partition: str = "gpu") -> list[list[str]]:
        """The jobs in the queue, a line of columns each."""
        lines = self.call("squeue", "--noheader", f"--partition={partition}", f"--format={columns}").splitlines()
        return [line.split() for line in lines]

    def all_jobs(self, columns: str = "%i") -> list[list[str]]:
        """All jobs that the controller knows, also those that are over; since the last `forget`."""
        said = self.call("squeue", "--noheader", "--states=all", "--array", f"--format=%A|{columns}").splitlines()
        lines = [line.split("|", 1) for line in said]
        return [rest.split() for job, rest in lines if int(job) > self.forgotten]

    def forget(self) -> None:
        """Counts the jobs of the next test only."""
        said = self.call("squeue", "--noheader", "--states=all", "--format=%A")
        self.forgotten = max((int(job) for job in said.split()), default=0)

    def pid(self, daemon: str) -> int:
        return int((self.folder / f"run/{daemon}.pid").read_text())

    # What can happen ------------------------------------------------------------------------------------------------

    def lose(self, node: str) -> None:
        """A node is lost: its daemon and everything that runs on it dies at once."""
        spool = str(self.folder / "spool" / node)
        roots = [psutil.Process(self.pid(f"slurmd-{node}"))]
        for process in psutil.process_iter(["name"]):
            with suppress(psutil.Error):
                if process.info["name"] == "slurmstepd" and _socket_below(process, spool):
                    roots.append(process)
        for process in [child for root in roots for child in (root, *root.children(recursive=True))]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.call("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=lost")

    def mend(self, node: str) -> None:
        """The node is back, and what Slurm had to tell it about the jobs that it lost is told."""
        self.call("slurmd", "-N", node)
        time.sleep(5)
        up = ("idle", "mixed", "allocated")  # it may have work again before anybody looks
        wait(lambda: self.call("sinfo", "-h", "-n", node, "-o", "%T").strip() in up, f"node {node}")

    def hurry(self) -> None:
        """Lets jobs start that Slurm holds back for two minutes after a requeue."""
        for (job,) in self.jobs():
            with suppress(subprocess.CalledProcessError):
                self.call("scontrol", "update", f"JobId={job}", "StartTime=now")

    def empty(self) -> None:
        """Cancels all jobs and waits until none of their processes is left."""
        self.call("scancel", "--me")
        wait(lambda: not self.call("squeue", "--noheader"), "an empty queue")

    def stop(self) -> None:
        """The controller is away; jobs run on."""
        process = psutil.Process(self.pid("slurmctld"))
        process.terminate()
        process.wait(PATIENCE)

    def back(self) -> None:
        """The controller is back."""
        self.call("slurmctld")
        wait(self.answers, "the controller")

    def away(self, seconds: float) -> None:
        """The controller is away for a while."""
        self.stop()
        time.sleep(seconds)
        self.back()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The controller takes requests meanwhile, and answers afterwards."""
        process = psutil.Process(self.pid("slurmctld"))
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    def answers(self) -> bool:
        """Whether the controller does."""
        with suppress(subprocess.CalledProcessError):
            return "UP" in self.call("scontrol", "ping")
        return False


def _socket_below(process: psutil.Process, folder: str) -> bool:
    """Whether a job's daemon belongs to a node, by where it listens."""
    return any(str(one.laddr).startswith(folder) for one in process.net_connections("unix"))


@contextmanager
def running(tmp_path_factory: pytest.TempPathFactory, accounting: bool = False) -> Iterator[Cluster]:
    """A cluster that is stopped at the end."""
    made = Cluster(tmp_path_factory.mktemp("slurm"), tmp_path_factory.mktemp("home"), accounting)
    made.script("up")
    try:
        yield made
    finally:
        made.script("down")


def with_cluster(tree: "Tree", cluster: Cluster) -> "Tree":
    """The tree with a cluster at hand, whose nodes have less memory than real ones, and no GPU that torch could use."""
    tree.environment |= cluster.environment
    for asked, given in (("8000", "2500"), ("4000", "1500"), ("needs_gpu: 1}", "needs_gpu: 0}")):
        tree.replace("slurm/profile.yaml", asked, given)
    tree.replace("src/lacuna/plan/stages/attack.py", "OTHERS = 8 ", "OTHERS = 2.5 ")
    tree.replace("src/lacuna/plan/stages/train.py", "MEMORY = 12 ", "MEMORY = 2.5 ")
    tree.replace("slurm/profile.yaml", "status-checks: 10", "status-checks: 2")
    return tree


@dataclass
class Run:
    """Snakemake at work on a cluster."""

    tree: "Tree"
    cluster: Cluster

    def __post_init__(self) -> None:
        command = self.tree.command("--profile", "slurm", "tables/table3.csv", "--config", "scale=demo")
        self.log = self.tree / "run.log"
        with self.log.open("w") as file:
            self.process = subprocess.Popen(
                command,
                cwd=self.tree.root,
                env=self.tree.variables(),
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def wait(self, true: Callable[[], object], what: str) -> None:
        """Waits for something to happen while Snakemake is at work."""
        wait(lambda: true() or self.process.poll() is not None, what)
        assert self.process.poll() is None, self.said[-3000:]

    def finish(self) -> None:
        """Waits for the end, which must be a success."""
        assert self.process.wait(PATIENCE * 2) == 0, self.said[-4000:]

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
