"""Trainings other than the standard one in the loop: the same bytes after a kill, histories, divergence."""

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from lacuna.errors import LacunaError
from lacuna.files.states import Resumable
from lacuna.language.models import parse_model
from lacuna.models.build import build_model
from lacuna.numerics.images import as_pixels
from lacuna.training.history import COLUMNS, as_csv, measure
from lacuna.training.loop import train
from lacuna.training.recipe import learning_rate

torch.set_num_threads(1)
SIDE, EPOCHS = 8, 3
TRAININGS: dict[str, dict[str, Any]] = {
    "standard": {},
    "sd": {"spatial_dropout": 0.1},
    "db": {"drop_block": {"keep": 0.9, "size": 3}},
    "ls": {"label_smoothing": 0.1},
    "at": {"attack": {"method": "pgd", "epsilon": "8/255", "step": "2/255", "steps": 2, "random_start": True}},
    "atlong": {"attack": {"method": "pgd_l2", "epsilon_l2": 0.5, "steps": 2, "warmup": 0.9}},
    "atshort": {"attack": {"method": "pgd_l2", "epsilon_l2": 0.5, "steps": 2, "warmup": 0.5}},
    "th16": {"thermometer": 16, "attack": {"method": "lspga", "epsilon": "8/255", "logit_step": 1.0, "steps": 2}},
}
RECIPE: dict[str, Any] = {
    "epochs": EPOCHS,
    "batch_size": 16,
    "learning_rate": 0.05,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "nesterov": True,
    "schedule": {"name": "multistep", "milestones": [1], "factor": 0.5},
    "augmentation": {"pad": 1, "flip": True},
}


def problem(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Images uint8 of four classes that differ in brightness, with noise."""
    labels = torch.arange(count) % 4
    noise = torch.randint(-40, 40, (count, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(seed))
    return (64 * labels.view(-1, 1, 1, 1) + 32 + noise).clamp(0, 255).to(torch.uint8), labels


TESTS = problem(30, 1)


def network(training: str) -> nn.Sequential:
    zero, one = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    how = {"width": Fraction(1, 16), "mask_place": "released_code", "seed": 0, "mean": zero, "std": one}
    spec = parse_model(f"resnet18-{training}-s0")
    return build_model(spec, (3, SIDE, SIDE), 4, training=TRAININGS[training], **how)


class KilledError(Exception):
    """What stands in for the end of the process."""


class Killer:
    """Takes progress lines; ends the training at the one that says that ``epoch`` is done."""

    def __init__(self, epoch: int = 0) -> None:
        self.mark, self.lines = f"epoch {epoch} of", list[str]()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        if self.mark in line:
            raise KilledError


def trained(
    training: str, path: Path, kill: int = 0, seed: int = 0, tests: Any = TESTS, count: int = 44, **how: Any
) -> tuple[bytes, list[list[float]]]:
    """Bytes of the state dict, and the history, of a fresh network trained as a process of its own would."""
    torch.manual_seed(torch.seed())
    model, state = network(training), Resumable(path, "d")
    places = {"name": "net", "seed": seed, "state": state, "say": Killer(kill)}
    history = train(model, *problem(count, 0), RECIPE | how, training=TRAININGS[training], tests=tests, **places)
    return save({key: tensor.contiguous() for key, tensor in model.state_dict().items()}), history


@pytest.mark.parametrize("training", TRAININGS)
def test_a_killed_training_ends_with_the_bytes_and_the_history_of_an_undisturbed_one(
    training: str, tmp_path: Path
) -> None:
    whole = trained(training, tmp_path / "whole")
    for k in range(1, EPOCHS + 1):
        with pytest.raises(KilledError):
            trained(training, tmp_path / f"killed{k}", kill=k)
        assert trained(training, tmp_path / f"killed{k}") == whole
    assert trained(training, tmp_path / "other", seed=1)[0] != whole[0]


def test_every_training_gives_another_network_from_the_same_weights(tmp_path: Path) -> None:
    start, results = network("standard"), set()
    for name, training in TRAININGS.items():
        if "thermometer" not in training:
            model = network(name)
            model.load_state_dict(dict(zip(model.state_dict(), start.state_dict().values(), strict=True)))
            places: dict[str, Any] = {"name": "net", "seed": 0, "state": Resumable(tmp_path / name, "d")}
            train(model, *problem(44, 0), RECIPE, training=training, say=lambda _: None, **places)
            results.add(model[1].head.weight.detach().numpy().tobytes())
    assert len(results) == len(TRAININGS) - 1


@pytest.mark.parametrize("training", TRAININGS)
def test_each_training_learns(training: str, tmp_path: Path) -> None:
    cycle = {"name": "onecycle", "warmup": 0.3}
    _, history = trained(training, tmp_path / "state", count=240, epochs=8, schedule=cycle)
    assert history[-1][4] > 80
    assert history[-1][1] < history[0][1]


# Histories -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", ["standard", "at"])
def test_test_columns_change_neither_the_network_nor_the_other_columns(training: str, tmp_path: Path) -> None:
    weights, history = trained(training, tmp_path / "with")
    without, plain = trained(training, tmp_path / "without", tests=None)
    assert weights == without
    assert plain == [line[:3] for line in history]
    assert len(history) == EPOCHS
    assert all(len(line) == 5 for line in history)


def test_a_history_has_the_rates_losses_and_accuracies_of_a_replay(tmp_path: Path) -> None:
    seen: list[tuple[Tensor, Tensor]] = []
    model, tests, still = network("standard"), [], {"pad": 0, "flip": False}
    model.register_forward_hook(
        lambda m, inputs, out: seen.append((inputs[0].detach(), out.detach())) if m.training else None
    )
    images, labels = problem(44, 0)

    def say(line: str) -> None:
        with torch.no_grad():
            logits = model.eval()(as_pixels(TESTS[0]))
        right = logits.argmax(1).eq(TESTS[1]).double().mean().item()
        tests.append([F.cross_entropy(logits, TESTS[1]).item(), 100 * right])

    places: dict[str, Any] = {"name": "net", "seed": 0, "state": Resumable(tmp_path / "state", "d")}
    history = train(model, images, labels, RECIPE | {"augmentation": still}, tests=TESTS, say=say, **places)
    truth = {as_pixels(image[None]).numpy().tobytes(): label for image, label in zip(images, labels, strict=True)}
    assert len(seen) == 3 * EPOCHS
    for epoch, line in enumerate(history):
        pairs = seen[3 * epoch : 3 * epoch + 3]
        logits = torch.cat([out for _, out in pairs])
        truths = torch.stack([truth[x[None].numpy().tobytes()] for batch, _ in pairs for x in batch])
        right = logits.argmax(1).eq(truths).double().mean().item()
        expected = [learning_rate(RECIPE, epoch + 32 / 44), F.cross_entropy(logits, truths).item(), 100 * right]
        assert line == pytest.approx(expected + tests[epoch], rel=1e-5)


def test_measuring_takes_the_whole_set_in_parts() -> None:
    model, (images, labels) = network("standard"), problem(1203, 2)
    loss, accuracy = measure(model, images, labels)
    with torch.no_grad():
        logits = model.eval()(as_pixels(images))
    assert loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert accuracy == pytest.approx(100 * logits.argmax(1).eq(labels).double().mean().item())


def test_a_history_is_a_csv_with_a_line_per_epoch_and_empty_test_columns_where_none_were_asked_for() -> None:
    assert as_csv([[0.1, 2.25, 10.5, 2.5, 11.25], [0.01, 1e-7, 100.0, 0.5, 99.0]]) == (
        ",".join(COLUMNS) + "\n1,0.1,2.25,10.5,2.5,11.25\n2,0.01,1e-07,100,0.5,99\n"
    )
    assert as_csv([[0.1, 2.25, 10.5]]).splitlines()[1] == "1,0.1,2.25,10.5,,"


# Divergence ----------------------------------------------------------------------------------------------------------


def test_a_diverging_loss_stops_the_training_with_epoch_rate_and_network(tmp_path: Path) -> None:
    path, how = tmp_path / "state", {"learning_rate": 1e30, "epochs": 5}
    with pytest.raises(LacunaError) as error:
        trained("standard", path, **how)
    sentence = str(error.value)
    assert sentence.startswith(
        "training net diverged: the loss of epoch 1 of 5 is nan, at learning rate 1e+30; allowed: "
    )
    assert "\n" not in sentence
    assert not path.exists(), "no state to go on from was kept"


class Reads(TorchDispatchMode):
    """Counts the numbers that are read from tensors, each of which waits for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("training", TRAININGS)
def test_no_step_reads_a_number_from_the_device(training: str, tmp_path: Path) -> None:
    reads = []
    for size in (4, 16):
        with Reads() as counted:
            trained(training, tmp_path / str(size), batch_size=size, epochs=1, tests=None)
        reads.append(counted.seen["_local_scalar_dense"])
        assert counted.seen["convolution"] > 20
    assert reads[0] == reads[1]
