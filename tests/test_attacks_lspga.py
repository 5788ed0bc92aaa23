"""Thermometer encoding and the attack on it: the ball, 8-bit values, and the best levels of a linear network."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from victims import CLASSES, draws, labelled

from lacuna.attacks.gradient import pgd
from lacuna.attacks.lspga import lspga
from lacuna.attacks.minimal import margins
from lacuna.errors import LacunaError
from lacuna.images import as_pixels, to_bytes
from lacuna.models.thermometer import Thermometer

torch.set_num_threads(1)
HOW: dict[str, Any] = {"epsilon": 16 / 255, "steps": 7, "logit_step": 1.0, "anneal": 1.2}


def pixels(seed: int, count: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return as_pixels(torch.randint(0, 256, (count, 2, 6, 6), generator=generator, dtype=torch.uint8))


def encoded(seed: int, levels: int, linear: bool = False) -> nn.Module:
    """A network behind a thermometer, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = nn.Linear(2 * levels * 36, CLASSES if linear else 20)
        rest = [] if linear else [nn.Tanh(), nn.Linear(20, CLASSES)]
    return nn.Sequential(Thermometer(levels), nn.Flatten(), first, *rest).eval()


@pytest.mark.parametrize("levels", [2, 7, 16, 32])
def test_an_encoding_has_ones_up_to_the_pixels_level(levels: int) -> None:
    x = pixels(levels)
    code = Thermometer(levels)(x)
    assert code.shape == (5, 2 * levels, 6, 6)
    assert code.dtype == x.dtype
    parts = code.unflatten(1, (2, levels))
    for level in range(levels):
        assert torch.equal(parts[:, :, level] == 1, (x * levels).floor().clamp(max=levels - 1) >= level)
    assert set(code.unique().tolist()) == {0.0, 1.0}
    assert Thermometer(levels).level(torch.tensor([0.0, 1.0])).tolist() == [0, levels - 1]


@pytest.mark.parametrize("levels", [4, 16])
def test_the_relaxation_of_a_certain_level_is_its_encoding(levels: int) -> None:
    encoder, x = Thermometer(levels), pixels(0)
    certain = nn.functional.one_hot(encoder.level(x), levels).movedim(-1, 2).float()
    assert torch.equal(encoder.relaxed(certain), encoder(x))
    mixed = encoder.relaxed(torch.full((1, 2, levels, 6, 6), 1 / levels))
    assert mixed.unflatten(1, (2, levels))[0, 0, :, 0, 0].tolist() == pytest.approx(
        [1 - level / levels for level in range(levels)]
    )


@pytest.mark.parametrize("levels", [4, 16, 32])
@pytest.mark.parametrize("seed", range(2))
def test_results_are_in_the_ball_and_keep_their_levels_at_eight_bit(seed: int, levels: int) -> None:
    model, x = encoded(seed, levels), pixels(seed)
    made = lspga(model, x, labelled(model, x), **HOW, draws=draws(x))
    assert (to_bytes(made).int() - to_bytes(x).int()).abs().max() <= 16
    assert made.min() >= 0
    assert made.max() <= 1
    assert torch.equal(model[0](made), model[0](as_pixels(to_bytes(made))))
    assert torch.equal(made[model[0].level(made) == model[0].level(x)], x[model[0].level(made) == model[0].level(x)])
    assert not made.requires_grad


@pytest.mark.parametrize("seed", range(3))
def test_a_linear_network_gets_the_levels_that_are_worst_for_it(seed: int) -> None:
    """With two classes the loss falls in their weights' difference, so each pixel's best level is known."""
    levels, x = 16, pixels(seed)
    model = encoded(seed, levels, linear=True)
    with torch.no_grad():
        model[2].weight[2:] = 0
        model[2].bias[2:] = -1e4  # two classes
    labels = labelled(model, x)
    difference = (model[2].weight[1] - model[2].weight[0]).detach().view(2, levels, 6, 6)
    gain = difference.cumsum(1) * (1 - 2 * labels).view(-1, 1, 1, 1, 1)  # of a pixel at each level
    bytes_of = (torch.arange(256).float() / 255 * levels).long().clamp(max=levels - 1)
    shift = (to_bytes(x).int().unsqueeze(-1) - torch.arange(256)).abs() <= 16
    reachable = torch.stack([(shift & (bytes_of == i)).any(-1) for i in range(levels)], 2)
    best = gain.masked_fill(~reachable, -torch.inf).argmax(2)
    made = lspga(model, x, labels, **HOW | {"steps": 60, "anneal": 1.0}, draws=draws(x))
    assert (model[0].level(made) == best).double().mean() > 0.95
    assert reachable.gather(2, model[0].level(made).unsqueeze(2)).all()


def test_it_fools_where_pixels_have_no_gradient() -> None:
    model, x = encoded(1, 16), pixels(1, 40)
    labels = labelled(model, x)
    with pytest.raises(LacunaError, match="lspga"):
        pgd(model, x, labels, epsilon=16 / 255, step=1 / 255, steps=2)
    made = lspga(model, x, labels, **HOW, draws=draws(x))
    chance = lspga(model, x, labels, **HOW | {"steps": 0}, draws=draws(x))
    before = margins(model, x, labels)
    assert (before - margins(model, made, labels)).mean() > 3 * (before - margins(model, chance, labels)).mean().abs()


def test_results_belong_to_images_not_to_batches() -> None:
    model, x = encoded(2, 16), pixels(2)
    labels, seeds = labelled(model, x), draws(x)
    whole = lspga(model, x, labels, **HOW, draws=seeds)
    parts = [lspga(model, x[p], labels[p], **HOW, draws=seeds.part(p)) for p in (slice(0, 2), slice(2, 5))]
    assert (torch.cat(parts) != whole).double().mean() < 0.01
    torch.manual_seed(0)
    first = lspga(model, x, labels, **HOW)
    torch.manual_seed(0)
    assert torch.equal(lspga(model, x, labels, **HOW), first)
    assert len(model[0]._forward_hooks) == 0


@pytest.mark.parametrize("layers", [[], [Thermometer(4), Thermometer(4)]])
def test_a_network_without_exactly_one_encoding_is_refused(layers: list[nn.Module]) -> None:
    x = pixels(0)
    with pytest.raises(LacunaError, match=f"this one has {len(layers)}"):
        lspga(nn.Sequential(*layers).eval(), x, torch.zeros(5, dtype=torch.int64), **HOW)
