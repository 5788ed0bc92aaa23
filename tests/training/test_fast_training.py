"""Fast steps: the reference up to rounding, the same bytes after a kill, and recordings that do what the steps do.

A recording of a GPU is replaced by one of a processor, which repeats the operations of a step without its Python.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from recorded import Traced
from test_training import EPOCHS, KilledError, Killer, network, problem, recipe
from torch import Tensor, nn
from varying import augment

from lacuna.files.states import Resumable
from lacuna.numerics.seeding import derive
from lacuna.training import fast
from lacuna.training.fast import FastStep
from lacuna.training.loop import batches, train
from lacuna.training.objective import Objective
from lacuna.training.step import Step

torch.set_num_threads(1)
PGD = {"attack": {"method": "pgd", "epsilon": "8/255", "step": "4/255", "steps": 2, "random_start": True}}
BUDGET = {"epsilon_foreground": "4/255", "epsilon_background": "20/255", "weight": 0, "steps": 2}
GROWING = {"attack": {"method": "dual", **BUDGET, "warmup": 0.5}, "gaussian": 0.1}
RESTARTED = {"attack": {"method": "dual", **BUDGET, "restarts": 2}}
PLAIN: dict[str, Any] = {}
VARIED = {"augmentation": {"crop": 0.2, "flip": True, "lighting": 0.3, "plain_epochs": 1}}
ADAM = {"optimiser": "adam", "learning_rate": 0.002}


def trained(path: Path, training: dict[str, Any], say: Any = lambda _: None, fast: bool = True, **how: Any) -> Tensor:
    """All numbers of a small network that draws, and of its history, after a training on 45 images by 16."""
    model, (images, labels) = network("dropping"), problem(45)
    masks = torch.rand(45, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.5
    masked = {"masks": masks} if training.get("attack", {}).get("method") == "dual" else {}
    given: dict[str, Any] = {"name": "net", "seed": 0, "state": Resumable(path, "d"), "say": say, **masked}
    history = train(model, images, labels, recipe(**how), training=training, fast=fast, **given)
    numbers = [tensor.flatten().double() for tensor in model.state_dict().values()]
    return torch.cat([*numbers, torch.tensor(history, dtype=torch.float64).flatten()])


def body(seed: int) -> nn.Module:
    """A small network with batch normalisation, in training mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [nn.Conv2d(3, 4, 3, 2, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 8, 3, bias=False)]
        network = nn.Sequential(*layers, nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8, 4))
    return network.to(memory_format=torch.channels_last).train()


def weights(step: Step) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in step.model.parameters()]).double()


# Against the reference ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [PLAIN, PGD], ids=["standard", "adversarial"])
@pytest.mark.parametrize("how", [{}, {"momentum": 0.0, "nesterov": False}, ADAM], ids=["nesterov", "sgd", "adam"])
@pytest.mark.parametrize("name", ["dropping", "resnet18-bottom0.5-standard-s1m1"])
def test_the_first_step_is_the_references(name: str, how: dict[str, Any], training: dict[str, Any]) -> None:
    (images, labels), made = problem(16), []
    for kind in (Step, FastStep):
        step = kind(network(name).train(), Objective(training), recipe(**how))
        step.set_rate(0.01)
        before = weights(step)
        torch.manual_seed(5)
        totals = step({"images": images, "labels": labels}, 0.5)
        made.append((weights(step), weights(step) - before, totals))
    (reference, moved, sums), (ours, further, others) = made
    assert (ours - reference).norm() <= 1e-5 * reference.norm()
    assert (further - moved).norm() <= 1e-3 * moved.norm()  # a step is small against the weights that it is added to
    torch.testing.assert_close(others, sums, rtol=1e-5, atol=0)


@pytest.mark.parametrize(("how", "times"), [({}, 1), (ADAM, 2)], ids=["sgd", "adam"])
def test_over_a_hundred_steps_it_is_no_further_off_than_another_order_of_additions(
    how: dict[str, Any], times: float
) -> None:
    """Adam divides by its own small numbers: both differences are those of its last digits, and of one size."""
    generator, kinds = torch.Generator().manual_seed(0), (Step, FastStep, Step)
    reference, ours, other = (kind(body(0), Objective({}), recipe(**how)) for kind in kinds)
    for _ in range(100):
        images = torch.randint(0, 256, (16, 3, 8, 8), dtype=torch.uint8, generator=generator)
        labels, order = torch.randint(0, 4, (16,), generator=generator), torch.randperm(16, generator=generator)
        for step, chosen in ((reference, slice(None)), (ours, slice(None)), (other, order)):
            step({"images": images[chosen], "labels": labels[chosen]}, 1)
    assert 0 < (weights(ours) - weights(reference)).norm() <= times * (weights(other) - weights(reference)).norm()


@pytest.mark.parametrize("quick", [False, True], ids=["reference", "fast"])
@pytest.mark.parametrize("how", [{"pad": 2, "flip": True}, VARIED["augmentation"]], ids=["pad", "crop"])
def test_every_image_is_varied_as_if_each_batch_drew_in_its_turn(
    how: dict[str, Any], quick: bool, tmp_path: Path
) -> None:
    model, (images, labels), seen = network("dropping"), problem(45), list[Tensor]()
    model.register_forward_pre_hook(lambda _, inputs: seen.append((inputs[0] * 255).round().to(torch.uint8)))
    asked, given = recipe(augmentation=how), {"name": "net", "seed": 3, "say": lambda _: None}
    train(model, images, labels, asked, state=Resumable(tmp_path / "state", "d"), fast=quick, **given)
    expected = []
    for epoch in range(EPOCHS):
        generator = torch.Generator().manual_seed(derive(3, "epoch", "net", epoch))
        order = torch.randperm(45, generator=generator)
        plain = epoch >= EPOCHS - how.get("plain_epochs", 0)
        parts = [images[chosen] for chosen in batches(order, 16)]
        expected += parts if plain else [augment(part, asked, generator) for part in parts]
    assert len(seen) == len(expected) == 3 * EPOCHS
    assert all(torch.equal(*pair) for pair in zip(seen, expected, strict=True))


# Recordings --------------------------------------------------------------------------------------------------------

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {  # training, recipe, how many recordings it makes
    "standard": (PLAIN, {}, 1),
    "adam": (PLAIN, ADAM, 1),
    "two kinds of epochs": (PLAIN, VARIED, 2),
    "random starts": (PGD, {}, 1),
    "a budget that grows": (GROWING, {}, 1),
    "restarts": (RESTARTED, {"epochs": 1}, 0),
}


@pytest.mark.parametrize("case", CASES)
def test_a_recording_gives_the_bytes_of_its_steps(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training, how, expected = CASES[case]
    plain, made = trained(tmp_path / "plain", training, **how), list[Traced]()

    def record(*given: Any) -> Traced:
        made.append(Traced(*given))
        return made[-1]

    monkeypatch.setattr(fast, "recorder", lambda device: record)
    assert torch.equal(trained(tmp_path / "recorded", training, **how), plain)
    assert len(made) == expected
    assert all(len(tensor) == 16 for recording in made for tensor in recording.inputs.values()), "no part of a batch"


@pytest.mark.parametrize("recorded", [False, True], ids=["launched", "recorded"])
@pytest.mark.parametrize("how", [{}, ADAM], ids=["sgd", "adam"])
def test_a_fast_training_that_was_killed_ends_with_the_same_bytes(
    how: dict[str, Any], recorded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if recorded:
        monkeypatch.setattr(fast, "recorder", lambda device: Traced)
    undisturbed, say = trained(tmp_path / "whole", PLAIN, **how), Killer()
    with pytest.raises(KilledError):
        trained(tmp_path / "state", PLAIN, Killer("epoch 3 of"), **how)
    assert torch.equal(trained(tmp_path / "state", PLAIN, say, **how), undisturbed)
    assert "net: going on after epoch 2" in say.lines


@pytest.mark.parametrize(("training", "first"), [(PLAIN, 0), (PGD, 0), (GROWING, 0.5), (RESTARTED, 2)])
def test_steps_are_steady_once_budgets_are_and_where_nothing_is_looked_at(
    training: dict[str, Any], first: float
) -> None:
    shares = (0, 0.25, 0.49, 0.5, 0.9, 1)
    assert [Objective(training).steady(share) for share in shares] == [share >= first for share in shares]


# On a GPU ----------------------------------------------------------------------------------------------------------

NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def on_gpu(name: str, path: Path, training: dict[str, Any], say: Any = lambda _: None, **how: Any) -> Tensor:
    """All numbers of a network after a fast training on a GPU."""
    from lacuna.numerics.device import prepare_torch

    assert prepare_torch(1) == "cuda"
    model, (images, labels) = network(name).cuda(), problem(45)
    given: dict[str, Any] = {"name": "net", "seed": 0, "state": Resumable(path, "d"), "say": say, "fast": True}
    train(model, images.cuda(), labels.cuda(), recipe(**how), training=training, **given)
    return torch.cat([tensor.flatten().double().cpu() for tensor in model.state_dict().values()])


@pytest.mark.cuda
@NEEDS_GPU
@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][0] in (PLAIN, PGD)])
@pytest.mark.parametrize("name", ["dropping", "resnet18-bottom0.5-standard-s1m1"])
def test_cuda_graphs_give_the_bytes_of_their_steps(
    name: str, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, how, _ = CASES[case]
    replayed = on_gpu(name, tmp_path / "graphs", training, **how)
    monkeypatch.setattr(fast, "recorder", lambda device: None)
    assert torch.equal(on_gpu(name, tmp_path / "launched", training, **how), replayed)


@pytest.mark.cuda
@NEEDS_GPU
@pytest.mark.parametrize("how", [{}, ADAM], ids=["sgd", "adam"])
def test_a_training_of_cuda_graphs_killed_after_an_epoch_ends_with_the_same_bytes(
    how: dict[str, Any], tmp_path: Path
) -> None:
    undisturbed = on_gpu("dropping", tmp_path / "whole", PGD, **how)
    with pytest.raises(KilledError):
        on_gpu("dropping", tmp_path / "state", PGD, Killer("epoch 3 of"), **how)
    assert torch.equal(on_gpu("dropping", tmp_path / "state", PGD, **how), undisturbed)
