"""FGSM and PGD: against an independent implementation, and what holds on any network and any images."""

from fractions import Fraction
from typing import Any

import foolbox
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.run import Attempt, Supplies, adversarial_images
from lacuna.attacks.core.victim import freeze, input_gradient
from lacuna.attacks.fgsm import fgsm
from lacuna.attacks.pgd import pgd
from lacuna.errors import LacunaError
from lacuna.evaluation.predictions import predict
from lacuna.language.models import ARCHITECTURES, parse_model
from lacuna.models.build import build_model
from lacuna.numerics.images import as_pixels, to_bytes

torch.set_num_threads(1)
SHAPES = [(3, 16, 16), (1, 14, 14), (3, 8, 8)]
CLASSES = 5
Case = tuple[str, int]
CASES: list[Case] = [(arch, seed) for arch in ARCHITECTURES for seed in range(3)]


def tiny(arch: str, seed: int, keep: str = "") -> nn.Module:
    """A narrow network in evaluation mode with a batch's statistics, for images of ``SHAPES[seed % 3]``."""
    shape = SHAPES[seed % 3]
    spec = parse_model(f"{arch}{keep}-standard-s{seed}{'m1' if keep else ''}")
    mean, std = torch.full((shape[0], 1, 1), 0.4), torch.full((shape[0], 1, 1), 0.3)
    place = ("released_code", "paper")[seed % 2]
    model = build_model(spec, shape, CLASSES, width=Fraction(1, 8), mask_place=place, seed=seed, mean=mean, std=std)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1.0
    with torch.no_grad():
        model.train()(images(seed, 16)[0])
    return model.eval()


def images(seed: int, count: int = 7) -> tuple[Tensor, Tensor]:
    """Images in [0, 1] with many pixels at both ends, and labels."""
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(count, *SHAPES[seed % 3], generator=generator) * 1.4 - 0.2).clamp_(0, 1)
    return x, torch.randint(0, CLASSES, (count,), generator=generator)


def eight_bit(seed: int, count: int = 7) -> tuple[Tensor, Tensor]:
    x, labels = images(seed, count)
    return to_bytes(x), labels


def budget(seed: int) -> dict[str, Any]:
    epsilon, step = (torch.rand(2, generator=torch.Generator().manual_seed(seed)) * 0.1 + 0.005).tolist()
    return {"epsilon": epsilon, "step": step, "steps": 2 + seed}


def foolbox_pgd(model: nn.Module, x: Tensor, labels: Tensor, epsilon: float, step: float, steps: int) -> Tensor:
    attack = foolbox.attacks.LinfProjectedGradientDescentAttack(abs_stepsize=step, steps=steps, random_start=False)
    return attack(foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu"), x, labels, epsilons=epsilon)[0]


def foolbox_fgsm(model: nn.Module, x: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)
    return attack(foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu"), x, labels, epsilons=epsilon)[0]


def in_batches(attack: Any, model: nn.Module, x: Tensor, labels: Tensor, size: int, **how: Any) -> Tensor:
    return torch.cat([attack(model, a, b, **how) for a, b in zip(x.split(size), labels.split(size), strict=True)])


@pytest.mark.parametrize(("keep", "split"), [("", 7), ("", 2), ("-bottom0.5", 3)])
@pytest.mark.parametrize(("arch", "seed"), CASES)
def test_pgd_in_double_precision_is_foolboxs(arch: str, seed: int, keep: str, split: int) -> None:
    model, (x, labels), how = tiny(arch, seed, keep).double(), images(seed), budget(seed)
    ours = in_batches(pgd, model, x.double(), labels, split, **how)
    torch.testing.assert_close(ours, foolbox_pgd(model, x.double(), labels, **how), rtol=0, atol=1e-9)
    assert (ours - x).abs().max() > 0.9 * min(how["epsilon"], how["step"])


@pytest.mark.parametrize("split", [1, 7])
@pytest.mark.parametrize(("arch", "seed"), CASES)
def test_fgsm_in_double_precision_is_foolboxs(arch: str, seed: int, split: int) -> None:
    model, (x, labels), epsilon = tiny(arch, seed).double(), images(seed), budget(seed)["epsilon"]
    ours = in_batches(fgsm, model, x.double(), labels, split, epsilon=epsilon)
    torch.testing.assert_close(ours, foolbox_fgsm(model, x.double(), labels, epsilon), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("arch", "seed"), CASES)
def test_a_single_precision_step_is_foolboxs_on_nearly_all_pixels(arch: str, seed: int) -> None:
    model, (x, labels), epsilon = tiny(arch, seed), images(seed), 8 / 255
    different = (fgsm(model, x, labels, epsilon=epsilon) - foolbox_fgsm(model, x, labels, epsilon)).abs() > 1e-5
    assert different.double().mean() <= 0.002


@pytest.mark.parametrize("levels", [1, 2, 8, 16, 32])
@pytest.mark.parametrize(("arch", "seed"), [("resnet18", 3), ("vgg19", 4), ("senet18", 5)])
def test_eight_bit_images_stay_within_epsilon_and_fgsm_uses_all_of_it(arch: str, seed: int, levels: int) -> None:
    model, (x, labels) = tiny(arch, seed), eight_bit(seed)
    pixels = as_pixels(x)
    stepped = fgsm(model, pixels, labels, epsilon=levels / 255)
    walked = pgd(model, pixels, labels, epsilon=levels / 255, step=1 / 255, steps=levels + 3)
    for made in (stepped, walked):
        assert made.min() >= 0
        assert made.max() <= 1
        assert (made * 255 - to_bytes(made)).abs().max() < 1e-3  # on the 8-bit grid before rounding
        assert (to_bytes(made).int() - x.int()).abs().max() <= levels
    change = (to_bytes(stepped).int() - x.int()).abs()
    assert change.max() == levels
    room = (x.int() >= levels) & (x.int() <= 255 - levels)
    assert set(change[room].tolist()) <= {0, levels}  # 0 where the gradient is exactly 0
    assert (change[room] == levels).double().mean() > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_pgd_of_one_whole_step_is_fgsm_and_both_follow_the_formula(seed: int) -> None:
    model, (x, labels), epsilon = tiny("resnet18", seed), images(seed), budget(seed)["epsilon"]
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(leaf), labels, reduction="sum"), leaf)
    formula = (x + epsilon * gradient.sign()).clamp(0, 1)
    one = fgsm(model, x, labels, epsilon=epsilon)
    torch.testing.assert_close(one, formula, rtol=0, atol=1e-6)
    assert torch.equal(one, pgd(model, x, labels, epsilon=epsilon, step=epsilon, steps=1))
    longer = pgd(model, x, labels, epsilon=epsilon, step=3 * epsilon, steps=1)
    torch.testing.assert_close(longer, one, rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_there_is_no_random_start(seed: int) -> None:
    model, (x, labels), how = tiny("vgg19", seed), images(seed), budget(seed)
    torch.manual_seed(seed)
    first = pgd(model, x, labels, **how)
    torch.manual_seed(seed + 1)
    state = torch.get_rng_state()
    assert torch.equal(pgd(model, x, labels, **how), first)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(pgd(model, x, labels, **how | {"steps": 0}), x)
    assert torch.equal(pgd(model, x, labels, **how | {"epsilon": 0.0}), x)
    assert torch.equal(fgsm(model, x, labels, epsilon=0.0), x)


class Linear(nn.Module):
    """Two classes; the second logit is w x + b, the first is 0."""

    def __init__(self, pixels: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(pixels, generator=generator).double() / pixels)
        self.bias = nn.Parameter(-0.5 * self.weight.detach().sum())

    def forward(self, x: Tensor) -> Tensor:
        score = x.flatten(1) @ self.weight + self.bias
        return torch.stack([torch.zeros_like(score), score], 1)


@pytest.mark.parametrize("seed", range(5))
def test_a_linear_model_is_fooled_exactly_where_epsilon_reaches_the_boundary(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    model = Linear(48, generator).eval()
    x = 0.3 + 0.4 * torch.rand(300, 3, 4, 4, generator=generator).double()
    clean = model(x).argmax(1)
    margin = model(x)[:, 1].detach().abs()
    reach = model.weight.detach().abs().sum()
    epsilon = float(margin.quantile(0.5) / reach)
    reachable = margin < epsilon * reach
    assert 100 < reachable.sum() < 200
    assert torch.equal(model(fgsm(model, x, clean, epsilon=epsilon)).argmax(1).ne(clean), reachable)
    walked = pgd(model, x, clean, epsilon=epsilon, step=epsilon / 3, steps=5)
    assert torch.equal(model(walked).argmax(1).ne(clean), reachable)


@pytest.mark.parametrize("fails", [False, True])
def test_weights_flags_and_gradients_are_as_before(fails: bool) -> None:
    model, (x, labels) = tiny("senet18", 0), images(0)
    for i, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(i % 3 != 0)
        parameter.grad = torch.full_like(parameter, i) if i % 2 else None
    flags = [p.requires_grad for p in model.parameters()]
    gradients = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    state, before = {name: t.clone() for name, t in model.state_dict().items()}, x.clone()
    if fails:
        with pytest.raises(IndexError):
            pgd(model, x, labels + CLASSES, epsilon=0.1, step=0.1, steps=1)
    else:
        made = pgd(model, x, labels, epsilon=0.1, step=0.05, steps=3)
        assert not made.requires_grad
    assert [p.requires_grad for p in model.parameters()] == flags
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert gradient is parameter.grad if gradient is None else torch.equal(gradient, parameter.grad)
    assert all(torch.equal(state[name], t) for name, t in model.state_dict().items())
    assert torch.equal(x, before)
    assert not x.requires_grad


def test_parameters_get_no_gradient_while_an_attack_runs() -> None:
    model, (x, labels) = tiny("vgg19", 1), images(1)
    with freeze(model):
        assert not any(p.requires_grad for p in model.parameters())
        assert input_gradient(model, x, labels).any()
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


@pytest.mark.parametrize("trial", range(6))
def test_a_network_with_any_part_in_training_mode_is_refused(trial: int) -> None:
    model, (x, labels) = nn.Sequential(tiny("resnet18", 0), nn.Dropout(0.5)).eval(), images(0)
    parts = list(model.modules())
    part = [parts[0], parts[-1], *(m for m in parts if isinstance(m, nn.BatchNorm2d))][trial]
    part.training = True
    for attack in (fgsm, lambda *a, **k: pgd(*a, **k, step=0.1, steps=2)):
        with pytest.raises(LacunaError, match="evaluation mode"):
            attack(model, x, labels, epsilon=0.1)
    assert part.training
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("value", [-1e-3, 1.001, 255.0])
def test_images_outside_the_pixel_range_are_refused(value: float) -> None:
    model, (x, labels) = tiny("resnet18", 2), images(2)
    x[3, 0, 1, 2] = value
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        fgsm(model, x, labels, epsilon=0.1)


PGD16 = {"epsilon": "16/255", "step": "1/255", "steps": 4}


def attacked(model: nn.Module, x: Tensor, labels: Tensor, batch: int) -> Tensor:
    supplies, attack = Supplies(Draws(0, tuple(range(len(x))))), Attempt("a", "pgd", PGD16)
    return adversarial_images(model, x, labels, attack, supplies, batch=batch, say=lambda _: None).images


@pytest.mark.parametrize("batch", [1, 4, 10])
@pytest.mark.parametrize(("arch", "seed"), [("resnet50", 0), ("vgg19", 1), ("densenet121", 2)])
def test_batch_size_does_not_change_adversarial_images_in_double_precision(arch: str, seed: int, batch: int) -> None:
    model, (x, labels) = tiny(arch, seed).double(), eight_bit(seed, 11)
    assert torch.equal(attacked(model, x, labels, batch), attacked(model, x, labels, 100))


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("arch", ["resnet18", "senet18"])  # the others are chaotic as long as they are untrained
def test_batch_size_does_not_change_outcomes_in_single_precision(arch: str, seed: int, batch: int) -> None:
    model, (x, labels) = tiny(arch, seed), eight_bit(seed, 11)
    parts, whole = attacked(model, x, labels, batch), attacked(model, x, labels, 100)
    assert torch.equal(predict(model, parts, 100), predict(model, whole, 100))


@pytest.mark.parametrize(("arch", "seed"), CASES)
def test_batch_size_hardly_changes_a_step_in_single_precision(arch: str, seed: int) -> None:
    model, (x, labels) = tiny(arch, seed), images(seed, 11)
    parts = to_bytes(in_batches(fgsm, model, x, labels, 2, epsilon=8 / 255))
    assert (parts != to_bytes(fgsm(model, x, labels, epsilon=8 / 255))).double().mean() <= 0.01


def test_adversarial_images_are_the_attacks_rounded_to_eight_bit_in_order() -> None:
    model, (x, labels), lines = tiny("vgg19", 0), eight_bit(0, 9), []
    attack, supplies = Attempt("b", "fgsm", {"epsilon": "8/255"}), Supplies(Draws(0, tuple(range(9))))
    made = adversarial_images(model, x, labels, attack, supplies, batch=4, say=lines.append).images
    assert made.dtype == torch.uint8
    for i in range(9):
        one = fgsm(model, as_pixels(x[i : i + 1]), labels[i : i + 1], epsilon=8 / 255)
        assert (made[i].int() - to_bytes(one)[0].int()).ne(0).double().mean() <= 0.01
    assert [line.partition(",")[0] for line in lines] == [f"b: image {done} of 9" for done in (4, 8, 9)]


def arguments(method: str, budget: dict[str, Any]) -> dict[str, Any]:
    return Attempt("a", method, budget).arguments()


def test_budgets_are_read_exactly() -> None:
    assert arguments("pgd", PGD16) == {"epsilon": 16 / 255, "step": 1 / 255, "steps": 4}
    assert arguments("fgsm", {"epsilon": "0.3"}) == {"epsilon": 0.3}
    assert arguments("gaussian", {"sigma": "8/255"}) == {"sigma": 8 / 255}
    walk = {"steps": 9, "spherical_step": 0.01, "source_step": 0.02, "step_adaptation": 1.5}
    assert arguments("boundary", walk) == walk
    assert arguments("a:b", {"epsilon": "1", "arguments": {"step": "x"}}) == {"epsilon": 1.0, "step": "x"}


@pytest.mark.parametrize("seed", range(4))
def test_pixels_become_the_nearest_byte(seed: int) -> None:
    exact = torch.rand(2000, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 255
    exact = exact[(exact.frac() - 0.5).abs() > 1e-3]
    pixels = (exact / 255).float()
    before = pixels.clone()
    assert torch.equal(to_bytes(pixels), (exact + 0.5).floor().to(torch.uint8))
    assert torch.equal(pixels, before)


def test_bytes_to_pixels_and_back_changes_nothing() -> None:
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    pixels = as_pixels(values)
    assert torch.equal(pixels.flatten(), torch.arange(256) / 255)
    assert torch.equal(to_bytes(pixels), values)
    x = images(1)[0]
    rounded = as_pixels(to_bytes(x))
    assert (rounded - x).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(as_pixels(to_bytes(rounded)), rounded)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_one_step_on_cuda_is_the_cpus_on_nearly_all_pixels(arch: str) -> None:
    from lacuna.numerics.device import prepare_torch

    assert prepare_torch(1) == "cuda"
    model, (x, labels) = tiny(arch, 0), images(0, 32)
    how = {"epsilon": 16 / 255, "step": 1 / 255, "steps": 1}
    cpu = to_bytes(pgd(model, x, labels, **how))
    cuda = to_bytes(pgd(model.cuda(), x.cuda(), labels.cuda(), **how)).cpu()
    assert (cpu == cuda).double().mean() >= 0.99
