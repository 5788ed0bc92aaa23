"""The course of a training, which stands beside its state while it runs."""

from pathlib import Path

import torch
from test_training import EPOCHS, NETWORKS, network, problem, recipe

from lacuna.files.states import Resumable
from lacuna.training.history import as_csv
from lacuna.training.loop import train

torch.set_num_threads(1)


def test_the_curve_grows_while_a_training_runs_and_goes_with_its_state(tmp_path: Path) -> None:
    model, (images, labels) = network(NETWORKS[0]), problem()
    state = Resumable(tmp_path / "state/net.safetensors", "d")
    seen: list[str] = []

    def say(line: str) -> None:
        seen.append(state.curve.read_text() if state.curve.exists() else "")

    history = train(model, images, labels, recipe(), name="net", seed=0, state=state, say=say)
    assert state.curve == tmp_path / "state/net.csv"
    assert seen == ["", *(as_csv(history[:k]) for k in range(1, EPOCHS))]
    assert "test_accuracy" in seen[1].splitlines()[0]
    state.finish()
    assert list((tmp_path / "state").iterdir()) == []
