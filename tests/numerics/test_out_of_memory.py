"""A GPU whose memory is not enough, and one that is not there: simulated, since tests run without."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from stages import Stages, made
from torch import Tensor, nn
from victims import draws, images, labelled, small

from lacuna.attacks import square
from lacuna.attacks.core.run import Attempt, Supplies, adversarial_images
from lacuna.errors import LacunaError
from lacuna.evaluation.predictions import predict
from lacuna.numerics.device import prepare_torch, run_batches
from lacuna.numerics.images import to_bytes
from lacuna.training.objective import Objective

SHORT = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def roomy(most: int, calls: list[int]) -> Callable[[slice], list[int]]:
    """Work on a batch that a GPU with room for ``most`` images can do."""

    def work(part: slice) -> list[int]:
        calls.append(part.stop - part.start)
        if calls[-1] > most:
            raise SHORT
        return list(range(part.start, part.stop))

    return work


@pytest.mark.parametrize("count", [1, 7, 64, 100])
@pytest.mark.parametrize("most", [1, 3, 16, 1000])
@pytest.mark.parametrize("done", [0, 1])
def test_batches_are_halved_until_they_fit_and_every_image_comes_once(count: int, most: int, done: int) -> None:
    calls, lines = list[int](), list[str]()
    found = [i for _, part in run_batches(count, 32, roomy(most, calls), lines.append, done=done) for i in part]
    assert found == list(range(done, count))
    first = min(32, count - done)
    assert bool(lines) == (first > most)
    assert all("ran out of memory" in line for line in lines)
    assert len([size for size in calls if size > most]) == len(lines) <= 5
    if most >= 32:
        assert set(calls[:-1]) <= {32}


def test_one_image_too_many_or_a_fixed_batch_is_one_sentence() -> None:
    with pytest.raises(LacunaError, match=r"with 1 images at once; use a GPU with more memory \(with_gpu in slurm/"):
        list(run_batches(9, 4, roomy(0, []), lambda _: None))
    with pytest.raises(LacunaError, match="with 8 images at once, a number that decides the result; use a GPU"):
        list(run_batches(9, 8, roomy(4, []), lambda _: None, fixed=True))


class Tight(nn.Module):
    """A network on a GPU with room for three images."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 3:
            raise SHORT
        return self.network(x)


def test_predictions_and_attacks_go_on_with_smaller_batches_and_say_so() -> None:
    network, x = small(1).float(), images(1, 9).float()
    pixels, labels, lines = to_bytes(x), labelled(network, x), list[str]()
    assert torch.equal(predict(Tight(network).eval(), pixels, 100, lines.append), predict(network, pixels, 100))
    assert lines == [
        "the GPU ran out of memory: from image 0 on 4 at once; results are equal up to rounding",
        "the GPU ran out of memory: from image 0 on 2 at once; results are equal up to rounding",
    ]
    what = labels, Attempt("pgd", "pgd", {"epsilon": "8/255", "step": "2/255", "steps": 3}), Supplies(draws(x))
    tight = adversarial_images(Tight(network).eval(), pixels, *what, batch=100, say=lines.append)
    roomy = adversarial_images(network, pixels, *what, batch=2, say=lines.append)
    assert torch.equal(tight.images, roomy.images)


def test_a_group_that_decides_the_result_is_never_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> Tensor:
        raise SHORT

    monkeypatch.setattr(square, "square", never)
    network, x = small(1).float(), images(1, 9).float()
    attack, supplies = Attempt("square", "square", {"epsilon": "8/255"}), Supplies(draws(x))
    with pytest.raises(LacunaError, match="a number that decides the result"):
        adversarial_images(network, to_bytes(x), labelled(network, x), attack, supplies, batch=4, say=print)


def test_training_names_the_key_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made(tmp_path)
    calls, known = [], Objective.__call__

    def sometimes(self: Objective, model: nn.Module, x: Tensor, *more: Any) -> Any:
        calls.append(len(x))
        if len(calls) == 5:  # in the second epoch
            raise SHORT
        return known(self, model, x, *more)

    undisturbed = Path("train/net.safetensors").read_bytes()
    monkeypatch.setattr(Objective, "__call__", sometimes)
    with pytest.raises(SystemExit):
        Stages(tmp_path).run("train")
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith(
        "error: training resnet18-bottom0.5-standard-s1m1: the GPU ran out of memory; use a GPU with"
    )
    assert said.endswith("or lower batch_size (8) in the scale's recipe, which changes the result")
    assert not Path("train/net.safetensors").exists()
    Stages(tmp_path).run("train")
    assert Path("train/net.safetensors").read_bytes() == undisturbed
    assert set(calls) == {8}


def test_a_loss_that_is_not_finite_stops_with_epoch_rate_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made(tmp_path)
    stages = Stages(tmp_path)
    stages.recipe |= {"learning_rate": 1e30, "epochs": 4}
    capfd.readouterr()
    with pytest.raises(SystemExit):
        stages.run("train")
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith("error: training resnet18-bottom0.5-standard-s1m1 diverged: the loss of epoch ")
    assert "of 4 is " in said
    assert "at learning rate " in said
    assert said.endswith("allowed: a smaller learning_rate in the scale's recipe")
    assert not Path("train/net.safetensors").exists()
    assert not list(Path("train").glob("state/.*"))


def test_a_missing_gpu_that_the_profile_promised_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert prepare_torch(1) == prepare_torch(1, 0) == "cpu"
    with pytest.raises(LacunaError) as error:
        prepare_torch(1, 1)
    assert "finds no GPU here (CUDA_VISIBLE_DEVICES is 0), which the profile promises with needs_gpu: 1" in str(
        error.value
    )

    monkeypatch.chdir(tmp_path)
    made(tmp_path)
    capfd.readouterr()
    for rule in ("train", "select", "attack", "evaluate"):
        with pytest.raises(SystemExit):
            Stages(tmp_path, needs_gpu=1).run(rule)
        (said,) = capfd.readouterr().err.splitlines()
        assert said.startswith("error: torch ")
