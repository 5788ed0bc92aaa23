"""Training: schedules, augmentation, and that a killed training ends with the same bytes as an undisturbed one."""

import os
import subprocess
import sys
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn
from varying import augment

from lacuna.errors import LacunaError
from lacuna.files import states
from lacuna.files.states import Resumable
from lacuna.language.models import parse_model
from lacuna.models.build import build_model
from lacuna.numerics.images import as_pixels
from lacuna.training.loop import train
from lacuna.training.objective import Objective
from lacuna.training.recipe import learning_rate

torch.set_num_threads(1)
SIDE = 8
EPOCHS = 4
ONECYCLE = {"name": "onecycle", "warmup": 0.3}
MULTISTEP = {"name": "multistep", "milestones": [1, 3], "factor": 0.1}


def recipe(**changes: Any) -> dict[str, Any]:
    standard = {"epochs": EPOCHS, "batch_size": 16, "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 5e-4}
    return standard | {"nesterov": True, "schedule": ONECYCLE, "augmentation": {"pad": 1, "flip": True}} | changes


def problem(count: int = 44, classes: int = 4, seed: int = 0, channels: int = 3) -> tuple[Tensor, Tensor]:
    """Separable images: each class has its own pattern, symmetric so that a flip keeps it, plus noise."""
    generator = torch.Generator().manual_seed(seed)
    patterns = torch.rand(classes, channels, SIDE, SIDE, generator=generator)
    patterns = (patterns + patterns.flip(3)) / 2
    labels = torch.arange(count) % classes
    noise = 0.1 * torch.randn(count, channels, SIDE, SIDE, generator=generator)
    return ((patterns[labels] + noise).clamp(0, 1) * 255).to(torch.uint8), labels


class Dropping(nn.Sequential):
    """A small network that draws random numbers while it is trained."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.3), nn.Flatten(), nn.Linear(144, 10))


def network(name: str) -> nn.Module:
    if name == "dropping":
        with torch.random.fork_rng():
            torch.manual_seed(7)
            return Dropping()
    zero, one, width = torch.zeros(3, 1, 1), torch.ones(3, 1, 1), Fraction(1, 8)
    spec = parse_model(name)
    return build_model(spec, (3, SIDE, SIDE), 10, width=width, mask_place="released_code", seed=0, mean=zero, std=one)


NETWORKS = ["dropping", "resnet18-bottom0.5-standard-s1m1", "vgg19-standard-s0"]


class KilledError(Exception):
    """What stands in for the end of the process."""


class Killer:
    """Reports progress until the line that begins with ``mark`` after the name, then ends the training."""

    def __init__(self, mark: str = "never") -> None:
        self.mark, self.lines = mark, list[str]()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        if line.partition(": ")[2].startswith(self.mark):
            raise KilledError


def trained(
    net: str, path: Path, say: Any = lambda _: None, seed: int = 0, name: str = "net", digest: str = "d", **how: Any
) -> bytes:
    """Bytes of the state dict after training a fresh network, as a process of its own would."""
    torch.manual_seed(torch.seed())
    model, (images, labels) = network(net), problem()
    train(model, images, labels, recipe(**how), name=name, seed=seed, state=Resumable(path, digest), say=say)
    return save({key: tensor.contiguous() for key, tensor in model.state_dict().items()})


# Learning rates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("milestones", [[150, 250], [20, 40], [1], []])
def test_multistep_is_torchs_multistep(milestones: list[int]) -> None:
    rule = {"learning_rate": 0.1, "epochs": 350, "schedule": MULTISTEP | {"milestones": milestones}}
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimiser, milestones, gamma=0.1)
    for epoch in range(300):
        for part in (0, 0.5, 0.999):
            assert learning_rate(rule, epoch + part) == pytest.approx(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()


def test_multistep_changes_at_the_milestone_and_not_before() -> None:
    rule = {"learning_rate": 0.1, "epochs": 350, "schedule": MULTISTEP | {"milestones": [150, 250]}}
    expected = {0: 0.1, 149.999: 0.1, 150: 0.01, 249.999: 0.01, 250: 0.001, 349.999: 0.001}
    assert {epoch: learning_rate(rule, epoch) for epoch in expected} == pytest.approx(expected)


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.25, 0.5])
@pytest.mark.parametrize("peak", [0.05, 1.0])
def test_onecycle_rises_linearly_to_its_peak_and_falls_along_a_cosine_to_zero(warmup: float, peak: float) -> None:
    total = 40
    rule = {"learning_rate": peak, "epochs": total, "schedule": ONECYCLE | {"warmup": warmup}}
    rates = [learning_rate(rule, epoch) for epoch in range(total + 1)]
    top = round(warmup * total)
    assert rates[0] == (0 if warmup else peak)
    assert rates[top] == max(rates) == pytest.approx(peak)
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert rates[: top + 1] == pytest.approx([peak * i / max(1, top) for i in range(top)] + [peak])
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, total - top)
    for rate in rates[top:]:
        assert rate == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-9)
        optimiser.step()
        scheduler.step()


# Augmentation -------------------------------------------------------------------------------------------------------


def variants(image: Tensor, pad: int, flip: bool) -> dict[tuple[int, int, bool], Tensor]:
    """Every crop of the zero-padded image (C, H, W), and its mirror image, made pixel by pixel."""
    channels, height, width = image.shape
    made = {}
    for top, left, mirrored in product(range(2 * pad + 1), range(2 * pad + 1), [False, True] if flip else [False]):
        crop = torch.zeros_like(image)
        for c, y, x in product(range(channels), range(height), range(width)):
            row, column = y + top - pad, x + left - pad
            if 0 <= row < height and 0 <= column < width:
                crop[c, y, width - 1 - x if mirrored else x] = image[c, row, column]
        made[top, left, mirrored] = crop
    return made


@pytest.mark.parametrize(
    ("shape", "pad", "flip"),
    [((3, 5, 5), 1, True), ((1, 4, 6), 2, True), ((2, 6, 3), 1, False), ((1, 5, 5), 0, True)],
)
def test_augmented_images_are_crops_and_mirrors_of_their_own_image_drawn_evenly(
    shape: tuple[int, int, int], pad: int, flip: bool
) -> None:
    generator = torch.Generator().manual_seed(sum(shape))
    images = torch.randint(1, 256, (5, *shape), generator=generator, dtype=torch.uint8)
    originals, rounds = images.clone(), 60
    batch = images.repeat(rounds, 1, 1, 1)
    out = augment(batch, {"augmentation": {"pad": pad, "flip": flip}}, generator)
    assert out.shape == batch.shape
    assert out.dtype == torch.uint8
    assert torch.equal(images, originals)
    seen: dict[tuple[int, int, bool], int] = {}
    references = [variants(image, pad, flip) for image in images]
    for i, result in enumerate(out):
        (found,) = [key for key, crop in references[i % 5].items() if torch.equal(crop, result)]
        seen[found] = seen.get(found, 0) + 1
    assert seen.keys() == references[0].keys()
    expected = len(batch) / len(references[0])
    assert all(abs(times - expected) < 5 * expected**0.5 for times in seen.values())


def test_no_padding_and_no_flip_changes_nothing() -> None:
    images, _ = problem()
    assert torch.equal(augment(images, {"augmentation": {"pad": 0, "flip": False}}, torch.Generator()), images)


def test_augmentation_is_a_function_of_its_generator() -> None:
    images, _ = problem()
    draws = [augment(images, recipe(), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


# The loop -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", NETWORKS[1:])
def test_training_learns_a_separable_problem(net: str, tmp_path: Path) -> None:
    model, (images, labels) = network(net), problem(256)
    before = labels.clone()
    how, state = recipe(epochs=6, augmentation={"pad": 0, "flip": True}), Resumable(tmp_path / "state", "d")
    lines: list[str] = []
    train(model, images[:192], labels[:192], how, name=net, seed=0, state=state, say=lines.append)
    right = model.eval()(images[192:].float() / 255).argmax(1).eq(labels[192:])
    assert right.double().mean() > 0.95
    assert torch.equal(labels, before)
    assert [line.partition(",")[0] for line in lines] == [f"{net}: epoch {k} of 6" for k in range(1, 7)]


def test_bfloat16_learns_and_keeps_weights_in_float32(tmp_path: Path) -> None:
    model, (images, labels) = network("vgg19-standard-s0"), problem(192)
    before = [weight.clone() for weight in model.parameters()]
    how = {"name": "net", "seed": 0, "state": Resumable(tmp_path / "state", "d"), "say": lambda _: None}
    history = train(model, images, labels, recipe(epochs=3), precision="bfloat16", **how)
    assert history[-1][1] < 0.7 * history[0][1]
    assert {weight.dtype for weight in model.state_dict().values()} == {torch.float32, torch.int64}
    assert not any(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("attacked", [False, True])
def test_bfloat16_gives_the_references_loss_and_slope(attacked: bool) -> None:
    # The slope of the last layer: those below batch normalisation of few images magnify any rounding.
    attack = {"method": "pgd", "epsilon": "4/255", "step": "2/255", "steps": 2}
    training, (images, labels) = {"attack": attack} if attacked else {}, problem(32)
    losses, slopes = [], []
    for precision in ("float32", "bfloat16"):
        model = network(NETWORKS[1]).train()
        loss, _ = Objective(training, precision)(model, as_pixels(images), labels)
        loss.backward()
        slopes.append(list(model.parameters())[-2].grad)
        losses.append(loss.item())
    assert losses[0] != losses[1] == pytest.approx(losses[0], rel=0.03)
    assert F.cosine_similarity(*[slope.flatten() for slope in slopes], dim=0) > 0.98


@pytest.mark.parametrize("schedule", [ONECYCLE, MULTISTEP], ids=lambda schedule: schedule["name"])
def test_epochs_show_every_image_once_in_new_orders_and_step_as_torchs_sgd_at_the_scheduled_rate(
    schedule: dict[str, Any], tmp_path: Path
) -> None:
    (images, labels), how, seen = problem(), recipe(schedule=schedule, augmentation={"pad": 0, "flip": False}), []
    model, replay = network("vgg19-standard-s0"), network("vgg19-standard-s0").train()
    model.register_forward_pre_hook(lambda _, inputs: seen.append((inputs[0] * 255).round().to(torch.uint8)))
    state = Resumable(tmp_path / "state", "d")
    train(model, images, labels, how, name="net", seed=0, state=state, say=lambda _: None)
    numbers = {image.numpy().tobytes(): i for i, image in enumerate(images)}
    batches = [torch.tensor([numbers[image.numpy().tobytes()] for image in batch]) for batch in seen]
    epochs = [torch.cat(batches[i : i + 3]).tolist() for i in range(0, 3 * EPOCHS, 3)]
    assert all(sorted(epoch) == list(range(44)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == EPOCHS
    optimiser = torch.optim.SGD(replay.parameters(), lr=1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    for i, batch in enumerate(batches):
        optimiser.param_groups[0]["lr"] = learning_rate(how, i // 3 + (i % 3) * 16 / 44)
        optimiser.zero_grad()
        F.cross_entropy(replay(as_pixels(images[batch])), labels[batch]).backward()
        optimiser.step()
    assert len(batches) == 3 * EPOCHS
    for name, tensor in replay.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, msg=name)


@pytest.mark.parametrize("net", NETWORKS)
def test_bytes_depend_on_the_seed_and_the_name_and_nothing_else(net: str, tmp_path: Path) -> None:
    first = trained(net, tmp_path / "a")
    assert trained(net, tmp_path / "b") == first
    assert trained(net, tmp_path / "c", name="other") != first
    assert trained(net, tmp_path / "d", seed=1) != first


@pytest.mark.parametrize("schedule", [ONECYCLE, MULTISTEP], ids=lambda schedule: schedule["name"])
@pytest.mark.parametrize("net", NETWORKS)
def test_a_training_killed_after_any_epoch_ends_with_the_bytes_of_an_undisturbed_one(
    net: str, schedule: dict[str, Any], tmp_path: Path
) -> None:
    nesterov = schedule is ONECYCLE
    undisturbed = trained(net, tmp_path / "whole", schedule=schedule, nesterov=nesterov)
    for k in range(1, EPOCHS + 1):
        path = tmp_path / f"killed{k}"
        with pytest.raises(KilledError):
            trained(net, path, Killer(f"epoch {k} of"), schedule=schedule, nesterov=nesterov)
        say = Killer()
        assert trained(net, path, say, schedule=schedule, nesterov=nesterov) == undisturbed
        assert [line for line in say.lines if "going on" in line] == [f"net: going on after epoch {k - 1}"] * (k > 1)
        assert len(say.lines) == EPOCHS - (k - 1) + (k > 1)


def test_a_training_killed_again_and_again_ends_with_the_same_bytes(tmp_path: Path) -> None:
    for mark in ("epoch 2 of", "going on", "epoch 2 of", "epoch 3 of", "going on", "epoch 4 of"):
        with pytest.raises(KilledError):
            trained(NETWORKS[1], tmp_path / "state", Killer(mark))
    assert trained(NETWORKS[1], tmp_path / "state") == trained(NETWORKS[1], tmp_path / "whole")


def kept_state(path: Path) -> bytes:
    with pytest.raises(KilledError):
        trained("dropping", path, Killer("epoch 4 of"))
    return path.read_bytes()


@pytest.mark.parametrize("spoil", ["truncated", "short", "empty", "garbage", "other digest", "no note"])
def test_state_that_is_not_this_trainings_is_never_picked_up(spoil: str, tmp_path: Path) -> None:
    path, whole = tmp_path / "state", trained("dropping", tmp_path / "whole")
    state = kept_state(path)
    generator = torch.Generator().manual_seed(0)
    garbage = bytes(torch.randint(0, 256, (len(state),), generator=generator).tolist())
    notes = {"no note": save({"a": torch.zeros(1)}), "garbage": garbage, "empty": b""}
    path.write_bytes(notes.get(spoil, state[: {"truncated": len(state) - 1, "short": 40}.get(spoil, len(state))]))
    say = Killer()
    assert trained("dropping", path, say, digest="e" if spoil == "other digest" else "d") == whole
    assert len(say.lines) == EPOCHS
    assert not any("going on" in line for line in say.lines)


def test_a_training_with_a_shorter_history_than_its_epochs_is_refused(tmp_path: Path) -> None:
    kept_state(tmp_path / "state")
    done, tensors = Resumable(tmp_path / "state", "d").load()
    Resumable(tmp_path / "state", "d").save(done + 1, tensors)
    with pytest.raises(LacunaError, match=f"has a history of {EPOCHS - 1} epochs, not {EPOCHS}; delete "):
        trained("dropping", tmp_path / "state")


def test_finish_removes_the_state_and_may_be_called_twice(tmp_path: Path) -> None:
    state = Resumable(tmp_path / "deep" / "state", "d")
    assert state.load() == (0, {})
    state.save(3, {"a": torch.arange(4)})
    done, tensors = state.load()
    assert (done, tensors["a"].tolist()) == (3, [0, 1, 2, 3])
    assert Resumable(state.path, "e").load() == (0, {})
    for _ in range(2):
        state.finish()
        assert list(state.path.parent.iterdir()) == []
        assert state.load() == (0, {})


def test_a_save_that_fails_half_way_leaves_the_state_and_the_curve_before_it_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    before = kept_state(path)

    def full_disk(tensors: Any, file: Path, metadata: Any) -> None:
        Path(file).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(states, "save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        Resumable(path, "d").save(9, {"a": torch.zeros(1)})
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path, path.with_suffix(".csv")]  # the curve of the epochs before
    assert trained("dropping", path) == trained("dropping", tmp_path / "whole")


NARROW = """
import copy, sys, torch, torch.nn.functional as F
from fractions import Fraction
from lacuna.models.build import build_model
from lacuna.language.models import parse_model
torch.set_num_threads(1)
name, width = sys.argv[1:]
torch.manual_seed(0)
how = {"width": Fraction(width), "mask_place": "released_code", "seed": 0}
model = build_model(parse_model(name), (1, 28, 28), 10, mean=torch.zeros(1, 1, 1), std=torch.ones(1, 1, 1), **how)
exact, x = copy.deepcopy(model).double(), torch.rand(6, 1, 28, 28).contiguous(memory_format=torch.channels_last)
for network, images in ((model, x), (exact, x.double())):
    F.cross_entropy(network(images), torch.arange(6)).backward()
for (key, ours), theirs in zip(model.named_parameters(), exact.parameters()):
    # A ReLU at zero may fall on the other side in float32, which moves a gradient by percents, not more.
    assert (ours.grad - theirs.grad).norm() < 0.1 * theirs.grad.norm() + 1e-4, key
"""


@pytest.mark.parametrize(("name", "width"), [("resnet18-dc0.5-standard-s0", "1/8"), ("senet18-standard-s0", "1/16")])
def test_networks_of_few_channels_train_on_processors_without_avx512(name: str, width: str) -> None:
    # oneDNN issue 6035: on AVX2, weight gradients of a strided 1 x 1 convolution of fewer than 8 channels
    # in channels-last layout write out of bounds. A process of its own, because it may crash.
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    done = subprocess.run([sys.executable, "-c", NARROW, name, width], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", [f"{arch}-standard-s0" for arch in ("resnet18", "densenet121", "senet18", "vgg19")])
def test_training_on_cuda_twice_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    from lacuna.numerics.device import prepare_torch

    assert prepare_torch(1) == "cuda"
    results = []
    for i in range(2):
        model, (images, labels) = network(name).cuda(), problem()
        state = Resumable(tmp_path / str(i), "d")
        train(model, images.cuda(), labels.cuda(), recipe(), name=name, seed=0, state=state, say=lambda _: None)
        results.append(save({key: tensor.cpu().contiguous() for key, tensor in model.state_dict().items()}))
    assert results[0] == results[1]
