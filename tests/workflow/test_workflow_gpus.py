"""The tiny configuration on two trial GPUs (gpu/profile.yaml): as many jobs on each as it may have, and none idle."""

import itertools
import json
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

STEP = 0.02  # seconds between two looks
SLOTS = {f"trial{gpu}.{number}" for gpu in range(2) for number in (1, 2)}


Holder = tuple[str, int]  # slot and process


@dataclass
class Watched:
    """Which job had which slot, from when to when, as the files of the locks say while the run is at work."""

    folder: Path
    begun: dict[Holder, float] = field(default_factory=dict)
    seen: dict[Holder, float] = field(default_factory=dict)  # when last
    gone: dict[Holder, float] = field(default_factory=dict)  # when it was not there for the first time
    logs: dict[Holder, str] = field(default_factory=dict)

    def look(self) -> None:
        """Notes who has a slot now."""
        now, there = time.time(), set()
        for path in self.folder.glob("trial*"):
            with suppress(ValueError, psutil.Error):
                note = json.loads(path.read_text())
                holder = path.name, note["pid"]
                self.begun[holder], self.logs[holder] = note["since"], note["log"]
                if psutil.Process(note["pid"]).status() != psutil.STATUS_ZOMBIE:
                    there.add(holder)
        self.seen |= dict.fromkeys(there, now)
        self.gone = dict.fromkeys(self.begun.keys() - there, time.time()) | self.gone

    def least(self, gpu: str, moment: float) -> int:
        """How many jobs a GPU had at a moment for certain."""
        begun = (one for one, since in self.begun.items() if one[0].startswith(gpu) and since < moment)
        return sum(self.seen.get(one, 0) >= moment for one in begun)

    def most(self, gpu: str, moment: float) -> int:
        """How many jobs a GPU may have had at a moment."""
        begun = (one for one, since in self.begun.items() if one[0].startswith(gpu) and since < moment)
        return sum(self.gone.get(one, moment) >= moment for one in begun)


@contextmanager
def watching(folder: Path) -> Iterator[Watched]:
    """Looks in a thread, up to the end of the context."""
    over, watched = threading.Event(), Watched(folder)

    def repeat() -> None:
        while not over.wait(STEP):
            watched.look()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield watched
    finally:
        over.set()
        thread.join()


def at_work(said: str) -> list[int]:
    """How many jobs with a slot there are after each that Snakemake begins or finishes."""
    with_slot = re.findall(r"^    jobid: (\d+)\n(?:    .*\n)*?    resources: .*gpu_slots=1", said, re.M)
    events = re.findall(r"^    jobid: (\d+)|^Finished jobid: (\d+)", said, re.M)
    changes = [1 if begun else -1 for begun, finished in events if (begun or finished) in with_slot]
    return list(itertools.accumulate(changes))


def test_gpus_are_shared_and_none_is_idle_while_a_job_waits(
    small: "Tree", finished: "Tree", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("LACUNA_GPUS", "trial0:24,trial1:24")
    monkeypatch.setenv("LACUNA_JOBS_PER_GPU", "2")
    with watching(tmp_path / f"lacuna-{os.getuid()}/gpus") as watched:
        status, said = small.call("--profile", "gpu", "tables/table3.csv")
    assert status == 0, said[-4000:]
    assert small.contents("tables") == finished.contents("tables")

    networks, sources, targets = 6, 2, 4
    stages = Counter(Path(log).relative_to(small / "logs").parts[2] for log in watched.logs.values())
    assert stages == {"train": networks, "select": 1, "attack": sources, "evaluate": targets}
    assert {slot for slot, _ in watched.begun} <= SLOTS
    assert max(at_work(said)) == len(SLOTS), "as many at once as there are slots, and no more"
    assert "no GPU has room" not in said, "Snakemake begins no job that would wait"
    for (slot, _), moment in watched.begun.items():
        mine, other = slot[:6], "trial1" if slot.startswith("trial0") else "trial0"
        assert watched.least(mine, moment) < 2
        assert watched.least(mine, moment) == 0 or watched.most(other, moment) > 0, "the other one is idle"
    for log in map(Path, watched.logs.values()):
        assert re.match(r"on GPU trial[01], with 1 other jobs at most\n", log.read_text())


def test_shards_in_place_of_gpus_reach_the_jobs_that_use_one(small: "Tree") -> None:
    small.replace("slurm/profile.yaml", "- shards = 0\n", "- shards = 2\n")
    status, said = small.call("-n", "--profile", "slurm", "tables/table3.csv", "--config", "scale=demo")
    assert status == 0, said[-4000:]
    asked = re.findall(r"^rule (\w+):\n(?:    .*\n)*?    resources: (.*)$", said, re.M)
    with_gpu = {
        rule.partition("_")[0] for rule, resources in asked if resources.endswith(", needs_gpu=1, gres=shard:2")
    }
    assert with_gpu == {"train", "select", "attack", "evaluate"}
    assert " gpu=" not in said
