"""Thermometer encoding by loops over pixels, and LS-PGA, the attack on networks that have it."""

from fractions import Fraction
from math import gcd
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks import lspga as module
from lacuna.attacks.core.folding import fold_batch_norm
from lacuna.attacks.lspga import lspga
from lacuna.attacks.pgd import pgd
from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, write_tensors
from lacuna.language.models import parse_model
from lacuna.models.build import build_model
from lacuna.models.networks import trained_network
from lacuna.models.thermometer import Thermometer
from lacuna.numerics.images import as_pixels, to_bytes

torch.set_num_threads(1)
LEVELS = [2, 3, 15, 16, 17, 32]
EVERY = as_pixels(torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16))


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(seed: int, shape: tuple[int, ...] = (4, 3, 8, 8)) -> Tensor:
    """8-bit images as pixels in [0, 1], with both ends among them."""
    drawn = torch.randint(0, 256, shape, generator=generator(seed), dtype=torch.uint8)
    drawn[0, 0, 0, :2] = torch.tensor([0, 255], dtype=torch.uint8)
    return as_pixels(drawn)


def network(name: str = "resnet18-th16-s0", levels: int = 16, side: int = 8) -> nn.Sequential:
    mean, one = torch.full((3, 1, 1), 0.3), torch.ones(3, 1, 1)
    how = {"width": Fraction(1, 8), "mask_place": "released_code", "seed": 0, "mean": mean, "std": one}
    model = build_model(parse_model(name), (3, side, side), 4, training={"thermometer": levels}, **how)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1.0
    with torch.no_grad():
        model.train()(images(9, (16, 3, side, side)))  # a batch's statistics, so that signals reach the end
    return model.eval()


def level_of(value: float, levels: int) -> int:
    return min(int(value * levels), levels - 1)


# The encoding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", LEVELS)
def test_each_pixel_becomes_a_thermometer_of_its_level(levels: int) -> None:
    x = torch.rand(2, 3, 4, 5, generator=generator(levels), dtype=torch.float64)
    codes = Thermometer(levels)(x)
    assert codes.shape == (2, 3 * levels, 4, 5)
    assert codes.dtype == x.dtype
    for b, c, i, j in torch.ones_like(x).nonzero().tolist():
        level = level_of(float(x[b, c, i, j]), levels)
        expected = [1.0] * (level + 1) + [0.0] * (levels - level - 1)
        assert codes[b, c * levels : (c + 1) * levels, i, j].tolist() == expected


@pytest.mark.parametrize("levels", range(2, 65))
def test_8_bit_pixels_get_the_level_of_exact_arithmetic_and_of_the_released_code(levels: int) -> None:
    counted = Thermometer(levels)(EVERY).sum(1).flatten().int() - 1
    exact = [min(value * levels // 255, levels - 1) for value in range(256)]
    assert counted.tolist() == exact
    if gcd(255, levels) == 1:  # else a boundary is an 8-bit value, which the released code puts one level lower
        assert counted.tolist() == (0.99999 * EVERY.flatten() * levels).int().tolist()


def test_the_encoding_is_the_networks_first_layer_in_place_of_normalisation() -> None:
    model, x = network(), images(1)
    stem = model[1].stem[0]
    assert stem.weight.shape[1] == 48
    assert torch.equal(model(x), model[1](Thermometer(16)(x)))
    assert not [key for key in model.state_dict() if key.startswith("0.")]
    assert Thermometer(16)(x).is_contiguous(memory_format=torch.channels_last)


def test_a_thermometer_network_comes_back_from_its_checkpoint(tmp_path: Path) -> None:
    name, path = "resnet18-th16-s0", str(tmp_path / "net.safetensors")
    model = network(name)
    write_tensors(path, model.state_dict(), Record("train", "{}"))
    settings = {"model": name, "image": [3, 8, 8], "classes": 4, "width": "1/8", "mask_place": "paper", "seed": 0}
    loaded = trained_network(settings | {"training": {"thermometer": 16}}, [path], "cpu")
    assert torch.equal(loaded(images(1)), model(images(1)))
    with pytest.raises(LacunaError, match=r"net\.safetensors: tensor '0\.mean' does not fit"):
        trained_network(settings, [path], "cpu")


def test_attacks_that_need_a_gradient_for_the_pixels_are_told_to_use_lspga() -> None:
    with pytest.raises(LacunaError, match="lspga"):
        pgd(network(), images(1), torch.zeros(4, dtype=torch.int64), epsilon=0.1, step=0.1, steps=1)


@pytest.mark.parametrize("levels", LEVELS)
def test_relaxed_codes_mix_the_codes_of_the_levels(levels: int) -> None:
    encoding, logits = Thermometer(levels), torch.randn(2, 3, 4, 2, levels, generator=generator(0), dtype=torch.float64)
    shares, relaxed = logits.softmax(-1), encoding.relaxed(logits)
    for b, i, j, c in torch.ones(2, 3, 4, 2).nonzero().tolist():
        mixed = torch.zeros(levels, dtype=torch.float64)
        for level in range(levels):
            mixed[: level + 1] += shares[b, i, j, c, level]
        torch.testing.assert_close(relaxed[b, c * levels : (c + 1) * levels, i, j], mixed)
    x = torch.rand(2, 2, 3, 4, generator=generator(1), dtype=torch.float64)
    level = (x.permute(0, 2, 3, 1) * levels).long()
    certain = torch.full_like(logits, -torch.inf).scatter_(-1, level[..., None], 0.0)
    torch.testing.assert_close(encoding.relaxed(certain), encoding(x))


@pytest.mark.parametrize("levels", LEVELS)
def test_the_nearest_value_of_a_level_is_the_nearest_8_bit_value_that_has_it(levels: int) -> None:
    found = Thermometer(levels).nearest(EVERY).reshape(256, levels)
    of_level = [min(value * levels // 255, levels - 1) for value in range(256)]
    for value in range(256):
        for level in range(levels):
            there = [other for other in range(256) if of_level[other] == level]
            nearest = min(there, key=lambda other: abs(other - value))
            assert float(found[value, level]) == float(torch.tensor(nearest).float() / 255)


@pytest.mark.parametrize("levels", LEVELS)
def test_pixels_between_8_bit_values_are_their_own_levels_nearest_value(levels: int) -> None:
    x = torch.rand(2, 3, 8, 8, generator=generator(levels))
    own = (x * levels).long().permute(0, 2, 3, 1)[..., None]
    values = Thermometer(levels).nearest(x)
    assert torch.equal(values.gather(-1, own).squeeze(-1), x.permute(0, 2, 3, 1))
    bytes_ = values * 255
    others = (bytes_ - bytes_.round()).abs().gt(1e-4).sum(-1)
    assert others.max() == 1, "all others are 8-bit values"


# LS-PGA --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0, 1, 8, 16, 40])
@pytest.mark.parametrize("levels", [16, 32])
def test_results_are_8_bit_images_whose_levels_lie_within_epsilon(levels: int, epsilon: int) -> None:
    model, x = network(f"resnet18-th{levels}-s0", levels), images(2)
    torch.manual_seed(0)
    adversarial = lspga(model, x, torch.arange(4), epsilon=epsilon / 255, logit_step=1.0, steps=3)
    assert adversarial.shape == x.shape
    assert torch.equal(as_pixels(to_bytes(adversarial)), adversarial)
    distance = (to_bytes(adversarial).int() - to_bytes(x).int()).abs()
    assert distance.max() <= epsilon
    before, after = (model[0](images) for images in (x, adversarial))
    codes = before.unflatten(1, (3, levels)).ne(after.unflatten(1, (3, levels))).any(2)
    assert torch.equal(codes, distance > 0), "a pixel that keeps its level keeps its value"
    assert codes.any() == (epsilon > 0)


def slow(
    model: nn.Sequential, x: Tensor, labels: Tensor, start: Tensor, epsilon: int, step: float, steps: int
) -> Tensor:
    """LS-PGA with a dictionary of logits per pixel, in units of 1/255."""
    levels = model[0].levels
    values = {where: round(float(x[where]) * 255) for where in map(tuple, torch.ones_like(x).nonzero().tolist())}
    reach = {w: sorted({level_of(u / 255, levels) for u in range(max(0, v - epsilon), min(255, v + epsilon) + 1)})
             for w, v in values.items()}  # fmt: skip
    logits = {w: torch.stack([start[w[0], w[2], w[3], w[1], k] for k in ks]) for w, ks in reach.items()}
    for k in range(steps):
        for pixel in logits.values():
            pixel.requires_grad_()
        codes = torch.zeros(len(x), x.shape[1] * levels, *x.shape[2:], dtype=x.dtype)
        for w, pixel in logits.items():
            for share, level in zip((pixel * 1.2**k).softmax(0), reach[w], strict=True):
                for lower in range(level + 1):
                    codes[w[0], w[1] * levels + lower, w[2], w[3]] += share
        gradients = torch.autograd.grad(F.cross_entropy(model[1](codes), labels), list(logits.values()))
        logits = {w: p.detach() + step * g.sign() for (w, p), g in zip(logits.items(), gradients, strict=True)}
    result = x.clone()
    for w, pixel in logits.items():
        level, v = reach[w][int(pixel.argmax())], values[w]
        there = [u for u in range(256) if level_of(u / 255, levels) == level]
        result[w] = min(there, key=lambda u: abs(u - v)) / 255
    return result


@pytest.mark.parametrize("epsilon", [8, 30])
@pytest.mark.parametrize("levels", [16, 32])
def test_lspga_is_what_a_slow_version_with_a_loop_over_pixels_does(levels: int, epsilon: int) -> None:
    model = network(f"vgg19-th{levels}-s0", levels, side=4).double()
    x, labels = (torch.randint(0, 256, (2, 3, 4, 4), generator=generator(3)).double() / 255), torch.tensor([1, 3])
    torch.manual_seed(5)
    ours = lspga(model, x, labels, epsilon=epsilon / 255, logit_step=0.7, steps=4)
    torch.manual_seed(5)
    start = torch.randn(2, 4, 4, 3, levels, dtype=torch.float64)
    torch.testing.assert_close(ours, slow(model, x, labels, start, epsilon, 0.7, 4), rtol=0, atol=1e-12)
    assert not torch.equal(ours, x)


def test_lspga_raises_the_loss_more_than_its_random_start() -> None:
    model, x, labels = network(), images(4, (32, 3, 8, 8)), torch.arange(32) % 4
    losses = []
    for steps in (0, 7):
        torch.manual_seed(0)
        adversarial = lspga(model, x, labels, epsilon=8 / 255, logit_step=1.0, steps=steps)
        losses.append(F.cross_entropy(model(adversarial), labels).item())
    assert losses[1] > 1.5 * losses[0]


def test_lspga_leaves_the_network_as_it_was_and_takes_a_folded_copy() -> None:
    model, x = network(), images(5)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for victim in (model, fold_batch_norm(model)):
        lspga(victim, x, torch.arange(4), epsilon=8 / 255, logit_step=1.0, steps=1)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


def test_lspga_refuses_training_mode_and_networks_without_the_encoding() -> None:
    how = {"epsilon": 8 / 255, "logit_step": 1.0, "steps": 1}
    with pytest.raises(LacunaError, match="evaluation mode"):
        lspga(network().train(), images(1), torch.arange(4), **how)
    with pytest.raises(LacunaError, match="thermometer encoding only"):
        lspga(network()[1].eval(), images(1), torch.arange(4), **how)
    assert module.ANNEALING > 1
