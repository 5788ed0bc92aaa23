"""A training that is killed in the middle goes on where it stopped, and nobody can tell from its bytes."""

import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

MODEL = "resnet18-bottom0.5-standard-s7m7"  # in no exhibit, so that no finished tree has it
CHECKPOINT = f"results/demo/fashion-mnist-subset/train/{MODEL}.safetensors"
STATE = f"results/demo/fashion-mnist-subset/train/state/{MODEL}.safetensors"


@pytest.fixture
def slow(finished: "Tree") -> "Tree":
    """A finished tree whose trainings have enough epochs to be killed between two."""
    finished.replace("config/scales/demo.yaml", "epochs: 1", "epochs: 6")
    return finished


def kill_after_first_epoch(tree: "Tree") -> str:
    """Starts the training and kills Snakemake and the training at once when the first state is kept."""
    with (tree / "killed.log").open("w") as log:
        process = subprocess.Popen(
            tree.command("--cores", "1", CHECKPOINT),
            cwd=tree.root,
            env=tree.variables(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        deadline = time.monotonic() + 120
        while not (tree / STATE).exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return (tree / "killed.log").read_text()


def test_a_training_killed_after_an_epoch_and_resumed_has_the_bytes_of_an_undisturbed_one(slow: "Tree") -> None:
    said = kill_after_first_epoch(slow)
    assert f"{MODEL}: epoch 1 of 6" in said
    assert f"{MODEL}: epoch 6 of 6" not in said
    assert (slow / STATE).exists()
    assert not (slow / CHECKPOINT).exists()

    status, said = slow.call("--cores", "1", CHECKPOINT)
    assert status != 0, "a killed Snakemake leaves its lock"
    assert "--unlock" in said
    assert slow.call("--unlock", CHECKPOINT)[0] == 0
    said = slow.run(CHECKPOINT)
    assert f"{MODEL}: going on after epoch" in said
    assert f"{MODEL}: epoch 1 of 6" not in said
    resumed = (slow / CHECKPOINT).read_bytes()
    assert not (slow / STATE).exists()
    assert slow.planned(CHECKPOINT) == {}

    (slow / CHECKPOINT).unlink()
    said = slow.run(CHECKPOINT)
    assert f"{MODEL}: epoch 1 of 6" in said
    assert "going on" not in said
    assert (slow / CHECKPOINT).read_bytes() == resumed


def test_state_of_other_settings_is_not_gone_on_from(finished: "Tree") -> None:
    (finished / STATE).parent.mkdir(parents=True)
    note = {"state": json.dumps({"digest": "0" * 64, "done": 1})}
    save_file({"model.0.mean": np.zeros((1, 1, 1), np.float32)}, finished / STATE, note)
    said = finished.run(CHECKPOINT)
    assert f"{MODEL}: epoch 1 of 1" in said
    assert "going on" not in said
    assert not (finished / STATE).exists()
