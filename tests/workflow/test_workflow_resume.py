"""A training that is killed in the middle goes on where it stopped, and nobody can tell from its bytes."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file

from lacuna.files.owner import owner_path

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

MODEL = "resnet18-bottom0.5-standard-s7m7"  # in no exhibit, so that no finished tree has it
CHECKPOINT = f"results/demo/fashion-mnist-subset/train/{MODEL}.safetensors"
STATE = f"results/demo/fashion-mnist-subset/train/state/{MODEL}.safetensors"


sessions: list[int] = []


@pytest.fixture
def slow(finished: "Tree") -> Iterator["Tree"]:
    """A finished tree whose trainings have enough epochs to be killed between two."""
    finished.replace("config/scales/demo.yaml", "epochs: 1", "epochs: 6")
    yield finished
    for session in sessions:
        with suppress(ProcessLookupError):
            os.killpg(session, signal.SIGKILL)


def begun(tree: "Tree", word: str = "epoch") -> subprocess.Popen[bytes]:
    """Snakemake at work on the training, in a session of its own, once it has said a word and kept a state."""
    log = tree / "run.log"
    log.unlink(missing_ok=True)  # an orphan may still write to that of an earlier run
    with log.open("w") as file:
        process = subprocess.Popen(
            tree.command("--cores", "1", CHECKPOINT),
            cwd=tree.root,
            env=tree.variables(),
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell ignores it
        )
    sessions.append(process.pid)
    deadline = time.monotonic() + tree.patience
    while process.poll() is None and not (f"{MODEL}: {word}" in log.read_text() and (tree / STATE).exists()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def unfinished(tree: "Tree") -> list[str]:
    """What only stands while a job is at work: owners and half-written files, and Snakemake's lock."""
    found = [*(tree / "results").rglob(".*"), *(tree / ".snakemake/locks").glob("*")]
    return [path.name for path in found if path.is_file()]


def test_a_training_killed_after_an_epoch_and_resumed_has_the_bytes_of_an_undisturbed_one(slow: "Tree") -> None:
    process = begun(slow)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    said = (slow / "run.log").read_text()
    assert f"{MODEL}: epoch 1 of 6" in said
    assert f"{MODEL}: epoch 6 of 6" not in said
    assert (slow / STATE).exists()
    assert not (slow / CHECKPOINT).exists()
    assert "0.output.lock" in unfinished(slow)

    said = slow.run(CHECKPOINT)
    assert "The last run here was killed; its lock is removed, and this one goes on from what it kept." in said
    assert f"{MODEL}: going on after epoch" in said
    assert f"{MODEL}: epoch 1 of 6" not in said
    resumed = (slow / CHECKPOINT).read_bytes()
    assert not (slow / STATE).exists()
    assert unfinished(slow) == []
    assert slow.planned(CHECKPOINT) == {}

    (slow / CHECKPOINT).unlink()
    said = slow.run(CHECKPOINT)
    assert f"{MODEL}: epoch 1 of 6" in said
    assert "going on" not in said
    assert (slow / CHECKPOINT).read_bytes() == resumed


def test_an_orphan_is_ended_and_ctrl_c_ends_within_seconds_with_nothing_in_the_way_of_the_same_command(
    slow: "Tree",
) -> None:
    slow.replace("config/scales/demo.yaml", "epochs: 6", "epochs: 2000")
    process = begun(slow)
    os.kill(process.pid, signal.SIGKILL)  # Snakemake alone: its job works on
    process.wait()
    owner = owner_path(slow / CHECKPOINT)
    orphan = json.loads(owner.read_text())

    process = begun(slow, "going on after epoch")
    words = f"process {orphan['pid']} of a killed run still writes {CHECKPOINT}; it is ended, and this job goes on"
    assert words in (slow / "run.log").read_text()
    assert json.loads(owner.read_text())["pid"] != orphan["pid"]
    asked = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal
    assert process.wait(30) != 0
    assert time.monotonic() - asked < 15
    assert "Traceback" not in (slow / "run.log").read_text()
    assert unfinished(slow) == []
    assert (slow / STATE).exists()
    assert "locked" not in slow.run("-n", CHECKPOINT)


def test_an_interrupt_of_snakemake_alone_ends_its_jobs_as_ctrl_c_does_and_gives_back_what_was_finished(
    slow: "Tree",
) -> None:
    slow.replace("config/scales/demo.yaml", "epochs: 6", "epochs: 1")
    slow.run(CHECKPOINT)
    finished = (slow / CHECKPOINT).read_bytes()
    slow.replace("config/scales/demo.yaml", "epochs: 1", "epochs: 2000")
    process = begun(slow)
    assert not (slow / CHECKPOINT).exists()
    job = json.loads(owner_path(slow / CHECKPOINT).read_text())["pid"]
    asked = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(30) != 0
    assert time.monotonic() - asked < 15
    said = (slow / "run.log").read_text()
    assert "interrupted; the same command goes on from what is kept" in said
    assert "Traceback" not in said
    with pytest.raises(ProcessLookupError):
        os.kill(job, 0)
    assert unfinished(slow) == []
    assert (slow / STATE).exists()
    assert (slow / CHECKPOINT).read_bytes() == finished
    assert slow.planned(CHECKPOINT)["train_resnet18"] == 1, "it has other settings"


def test_state_of_other_settings_is_not_gone_on_from(finished: "Tree") -> None:
    (finished / STATE).parent.mkdir(parents=True)
    note = {"state": json.dumps({"digest": "0" * 64, "done": 1})}
    save_file({"model.0.mean": np.zeros((1, 1, 1), np.float32)}, finished / STATE, note)
    said = finished.run(CHECKPOINT)
    assert f"{MODEL}: epoch 1 of 1" in said
    assert "going on" not in said
    assert not (finished / STATE).exists()
