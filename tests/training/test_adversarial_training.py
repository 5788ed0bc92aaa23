"""Adversarial training's inner loop against an obvious one, label smoothing against its formula."""

import copy
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from lacuna.attacks.pgd import ascend_ball, pgd
from lacuna.errors import LacunaError
from lacuna.language.models import parse_model
from lacuna.models.build import build_model
from lacuna.numerics.images import as_pixels
from lacuna.training.adversarial import grow, inner_loop, perturbation
from lacuna.training.objective import Objective, smoothed_cross_entropy

torch.set_num_threads(1)
MADRY = {"method": "pgd", "epsilon": "8/255", "step": "2/255", "steps": 7, "random_start": True}
LSPGA = {"method": "lspga", "epsilon": "8/255", "logit_step": 1.0, "steps": 7}
TRAININGS: dict[str, dict[str, Any]] = {"at": {"attack": MADRY}, "th16": {"thermometer": 16, "attack": LSPGA}}


def network(training: str, arch: str = "resnet18-bottom0.5", seed: int = 0) -> nn.Sequential:
    """An untrained network in training mode, float64."""
    spec, half = parse_model(f"{arch}-{training}-s{seed}{'m1' * ('-' in arch)}"), torch.full((3, 1, 1), 0.5)
    how = {"width": Fraction(1, 8), "mask_place": "released_code", "seed": 0, "mean": half, "std": half}
    return build_model(spec, (3, 8, 8), 4, training=TRAININGS.get(training), **how).double().train()


def batch(count: int = 12, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 3, 8, 8), generator=generator, dtype=torch.uint8)
    return as_pixels(images).double(), torch.arange(count) % 4


def obvious(model: nn.Module, x: Tensor, labels: Tensor, epsilon: float, step: float, steps: int) -> Tensor:
    """PGD with a random start on a copy of the model in training mode, one pixel value at a time clipped."""
    model = copy.deepcopy(model)
    noise = torch.empty(x.shape, dtype=x.dtype).uniform_(-epsilon, epsilon)
    adversarial = (x + noise).clamp(0, 1)
    for _ in range(steps):
        adversarial = adversarial.detach().clone().requires_grad_()
        F.cross_entropy(model(adversarial), labels).backward()
        moved = adversarial.detach() + step * adversarial.grad.sign()
        adversarial = torch.minimum(torch.maximum(moved, x - epsilon), x + epsilon).clamp(0, 1)
    return adversarial


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("arch", ["resnet18-bottom0.5", "vgg19", "wrn32", "densenet121"])
def test_the_inner_loop_is_pgd_on_the_network_in_training_mode(arch: str, seed: int) -> None:
    model, (x, labels) = network("at", arch, seed), batch(seed=seed)
    torch.manual_seed(seed)
    ours = perturbation(MADRY)(model, x, labels)
    torch.manual_seed(seed)
    expected = obvious(model, x, labels, 8 / 255, 2 / 255, 7)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)
    assert (ours - x).abs().max() <= 8 / 255 + 1e-12
    assert 0 <= ours.min() <= ours.max() <= 1
    evaluated = obvious(model.eval(), x, labels, 8 / 255, 2 / 255, 7)
    assert not torch.allclose(ours, evaluated), "batch statistics decide"


def test_random_starts_fill_the_ball_and_are_drawn_anew() -> None:
    x, labels = torch.full((50, 3, 8, 8), 0.5), torch.zeros(50, dtype=torch.int64)
    model = nn.Flatten()
    how = {"epsilon": 0.1, "step": 0.0, "steps": 0}
    noise = ascend_ball(model, x, labels, random_start=True, **how) - x
    assert -0.1 <= noise.min() < -0.099
    assert 0.099 < noise.max() <= 0.1
    assert noise.pow(2).mean() == pytest.approx(0.01 / 3, rel=0.05)
    assert not torch.equal(ascend_ball(model, x, labels, random_start=True, **how) - x, noise)
    assert torch.equal(ascend_ball(model, x, labels, random_start=False, **how), x)


@pytest.mark.parametrize("random_start", [False, True])
@pytest.mark.parametrize("arch", ["resnet18-bottom0.5", "vgg19"])
def test_images_to_train_on_have_the_bytes_they_always_had(arch: str, random_start: bool) -> None:
    model, (x, labels) = network("at", arch).float(), batch()
    x, epsilon, step = x.float(), 8 / 255, 2 / 255
    torch.manual_seed(2)
    lowest, highest = (x - epsilon).clamp_(min=0), (x + epsilon).clamp_(max=1)
    expected = x
    if random_start:
        noise = torch.empty(x.shape, dtype=x.dtype, device=x.device).uniform_(-epsilon, epsilon)
        expected = torch.clamp(x + noise, lowest, highest)
    with inner_loop(model):
        for _ in range(3):
            leaf = expected.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(F.cross_entropy(model(leaf), labels, reduction="sum"), leaf)
            expected = torch.clamp(expected.add(gradient.sign_(), alpha=step), lowest, highest)
    torch.manual_seed(2)
    assert torch.equal(perturbation(MADRY | {"steps": 3, "random_start": random_start})(model, x, labels), expected)


@pytest.mark.parametrize("arch", ["resnet18-bottom0.5", "senet18"])
def test_without_random_start_in_evaluation_mode_it_is_the_attack(arch: str) -> None:
    model, (x, labels) = network("at", arch), batch()
    model(x)
    how = {"epsilon": 16 / 255, "step": 1 / 255, "steps": 5}
    model.eval()
    assert torch.equal(ascend_ball(model, x, labels, random_start=False, **how), pgd(model, x, labels, **how))
    with pytest.raises(LacunaError, match="evaluation mode"):
        pgd(model.train(), x, labels, **how)


@pytest.mark.parametrize("training", TRAININGS)
def test_the_inner_loop_leaves_buffers_and_gradients_alone(training: str) -> None:
    model, (x, labels) = network(training), batch()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    kept = next(iter(model.parameters()))
    kept.grad = torch.ones_like(kept)
    frozen = model[1].head.weight.requires_grad_(False)
    adversarial = perturbation(TRAININGS[training]["attack"])(model, x, labels)
    assert not torch.equal(adversarial, x)
    assert not adversarial.requires_grad
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(kept.grad, torch.ones_like(kept))
    assert all(p.grad is None for p in model.parameters() if p is not kept)
    assert [name for name, p in model.named_parameters() if not p.requires_grad] == ["1.head.weight"]
    assert not frozen.requires_grad
    assert all(module.training for module in model.modules())


def test_an_interrupted_inner_loop_puts_everything_back() -> None:
    model = network("at")
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    norms[0].track_running_stats = False
    opened = inner_loop(model)
    opened.__enter__()
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not opened.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert [norm.track_running_stats for norm in norms] == [False] + [True] * (len(norms) - 1)


@pytest.mark.parametrize("training", TRAININGS)
def test_a_step_is_taken_on_the_adversarial_images_alone(training: str) -> None:
    model, (x, labels) = network(training), batch()
    replay = copy.deepcopy(model)
    torch.manual_seed(3)
    loss, logits = Objective(TRAININGS[training])(model, x, labels)
    loss.backward()
    torch.manual_seed(3)
    adversarial = perturbation(TRAININGS[training]["attack"])(replay, x, labels)
    expected = replay(adversarial)
    F.cross_entropy(expected, labels).backward()
    assert torch.equal(logits, expected)
    for name, tensor in replay.state_dict().items():  # the running statistics have moved once, by these images
        assert torch.equal(model.state_dict()[name], tensor), name
    for ours, theirs in zip(model.parameters(), replay.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)


# Budgets that grow ---------------------------------------------------------------------------------------------------

SEARCH = {"weight": 0, "steps": 3, "reference": 768}
GROWING: dict[str, dict[str, Any]] = {
    "pgd": MADRY,
    "lspga": LSPGA,
    "pgd_l2": {"method": "pgd_l2", "epsilon_l2": 0.75, "steps": 3},
    "dual_l2": {"method": "dual_l2", "epsilon_foreground": 0.25, "epsilon_background": 2.5, **SEARCH},
    "dual": {"method": "dual", "epsilon_foreground": "4/255", "epsilon_background": "20/255", "weight": 0, "steps": 3},
}
LENGTHS = ("epsilon", "step", "epsilon_l2", "epsilon_foreground", "epsilon_background")


def scaled(attack: dict[str, Any], factor: Fraction) -> dict[str, Any]:
    """The attack with every length in the image multiplied, written as a definition writes it."""
    texts = {key: f"{Fraction(attack[key].split('/')[0]) * factor}/255" for key in attack if "/255" in str(attack[key])}
    lengths = {key: attack[key] * float(factor) for key in LENGTHS if isinstance(attack.get(key), float)}
    return attack | {key: f"{float(Fraction(text[:-4]))}/255" for key, text in texts.items()} | lengths


@pytest.mark.parametrize("method", GROWING)
@pytest.mark.parametrize(("progress", "share"), [(0.125, "1/4"), (0.375, "3/4"), (0.5, "1"), (0.7, "1"), (1, "1")])
def test_budgets_grow_linearly_during_the_warm_up(method: str, progress: float, share: str) -> None:
    training = "th16" if method == "lspga" else "at"
    model, (x, labels) = network(training), batch()
    masks = torch.rand(len(x), 8, 8, generator=torch.Generator().manual_seed(1)) < 0.5
    torch.manual_seed(4)
    made = perturbation(GROWING[method] | {"warmup": 0.5})(model, x, labels, masks, progress)
    torch.manual_seed(4)
    expected = perturbation(scaled(GROWING[method], Fraction(share)))(model, x, labels, masks)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-9)
    assert not torch.equal(made, x)
    torch.manual_seed(4)
    unchanged = perturbation(GROWING[method])(model, x, labels, masks, progress)
    assert torch.equal(unchanged, made) == (share == "1"), "without a warm-up progress decides nothing"


@pytest.mark.parametrize("method", ["pgd", "pgd_l2", "dual_l2", "dual"])
def test_a_warm_up_begins_with_the_clean_images(method: str) -> None:
    model, (x, labels) = network("at"), batch()
    masks = torch.rand(len(x), 8, 8) < 0.5
    assert torch.equal(perturbation(GROWING[method] | {"warmup": 0.3})(model, x, labels, masks, 0), x)


def test_what_is_no_length_in_the_image_does_not_grow() -> None:
    attack = {"method": "lspga", "epsilon": 0.1, "logit_step": 1.0, "steps": 7, "warmup": 0.4}
    assert grow(attack, 0.1) == attack | {"epsilon": pytest.approx(0.025)}
    assert grow(attack, 0.4) is attack


class NoWaiting(TorchDispatchMode):
    """Refuses operations that make the host wait for the device: reading a number, shapes that depend on values."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        assert name not in {"_local_scalar_dense", "item", "nonzero", "masked_select", "unique", "is_nonzero"}, name
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("training", TRAININGS)
def test_the_inner_loop_never_waits_for_the_device(training: str) -> None:
    model, (x, labels) = network(training), batch()
    objective: Callable[..., Any] = Objective(TRAININGS[training])
    with NoWaiting():
        objective(model, x, labels)
    with pytest.raises(AssertionError), NoWaiting():
        x.max().item()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("training", TRAININGS)
def test_a_step_on_cuda_is_deterministic_and_never_waits(training: str) -> None:
    from lacuna.numerics.device import prepare_torch

    assert prepare_torch(1) == "cuda"
    x, labels = (tensor.cuda() for tensor in batch())
    results = []
    for _ in range(3):
        model = network(training).cuda()
        objective = Objective(TRAININGS[training])
        torch.manual_seed(1)
        if results:  # the first call loads libraries
            torch.cuda.set_sync_debug_mode("error")
        try:
            loss, logits = objective(model, x.float().double(), labels)
            loss.backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")
        results.append(torch.cat([logits.flatten(), *(p.grad.flatten() for p in model.parameters())]).cpu())
    assert torch.equal(results[1], results[2])


# Label smoothing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 0.1, 0.5])
@pytest.mark.parametrize("classes", [2, 10, 17])
def test_label_smoothing_spreads_its_share_over_the_wrong_classes(classes: int, share: float) -> None:
    generator = torch.Generator().manual_seed(classes)
    logits = torch.randn(7, classes, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, classes, (7,), generator=generator)
    expected = 0.0
    for row, label in zip(logits, labels, strict=True):
        target = [1 - share if k == label else share / (classes - 1) for k in range(classes)]
        assert sum(target) == pytest.approx(1)
        expected -= sum(mass * float(log) for mass, log in zip(target, row.log_softmax(0), strict=True)) / 7
    assert float(smoothed_cross_entropy(logits, labels, share)) == pytest.approx(expected, rel=1e-12)


def test_no_smoothing_is_plain_cross_entropy_to_the_bit() -> None:
    logits, labels = torch.randn(64, 10), torch.arange(64) % 10
    assert torch.equal(smoothed_cross_entropy(logits, labels, 0.0), F.cross_entropy(logits, labels))


def test_an_objective_takes_its_parts_from_the_definition() -> None:
    model, (x, labels) = network("ls"), batch()
    loss, logits = Objective({"label_smoothing": 0.1})(model, x, labels)
    assert torch.equal(loss, smoothed_cross_entropy(logits, labels, 0.1))
    assert torch.equal(Objective({})(model, x, labels)[0], F.cross_entropy(logits, labels))
    torch.manual_seed(0)
    both, logits = Objective({"label_smoothing": 0.1, "attack": MADRY})(model, x, labels)
    assert torch.equal(both, smoothed_cross_entropy(logits, labels, 0.1))
    assert both > loss
