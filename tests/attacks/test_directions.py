"""Directions of gradients of every size, and attacks on networks whose gradients nearly vanish."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from victims import draws, images, labelled, small

from lacuna.attacks.core.directions import to_size_one, unit_l1, unit_l2
from lacuna.attacks.dual import dual_l2
from lacuna.attacks.mifgsm import mifgsm
from lacuna.attacks.pgd_l2 import pgd_l2

torch.set_num_threads(1)
UNITS = {unit_l1: lambda g: g.abs().sum(), unit_l2: lambda g: g.square().sum().sqrt()}
SIZES = [1e-44, 1e-41, 1e-38, 1e-30, 1e-20, 1e-12, 1e-3, 1.0, 1e20, 1e35]


def gradients(seed: int, dtype: torch.dtype, sizes: list[float]) -> Tensor:
    """One gradient (2, 5, 5) of each size, in one batch."""
    drawn = torch.randn(len(sizes), 2, 5, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (drawn * torch.tensor(sizes, dtype=torch.float64).view(-1, 1, 1, 1)).to(dtype)


@pytest.mark.parametrize("unit", UNITS, ids=["l1", "l2"])
@pytest.mark.parametrize("seed", range(3))
def test_gradients_of_every_size_in_one_batch_get_length_one(seed: int, unit: Any) -> None:
    given = gradients(seed, torch.float32, SIZES)
    for before, found in zip(given, unit(given), strict=True):
        exact = before.double()  # in which none of these squares vanishes
        torch.testing.assert_close(found.double(), exact / UNITS[unit](exact), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("unit", UNITS, ids=["l1", "l2"])
def test_double_precision_has_its_own_ends(unit: Any) -> None:
    found = unit(gradients(5, torch.float64, [1e-322, 1e-308, 1e-200, 1e-160, 1.0, 1e160, 1e300]))
    lengths = torch.stack([UNITS[unit](one) for one in found])
    torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=1e-12, atol=0)


@pytest.mark.parametrize("unit", UNITS, ids=["l1", "l2"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_gradient_of_zeros_stays_whatever_stands_beside_it(dtype: torch.dtype, unit: Any) -> None:
    given = gradients(2, dtype, [1e-38, 0, 1e20, 0])
    found = unit(given)
    assert not found[[1, 3]].any()
    assert found.isfinite().all()
    assert torch.equal(found[[0, 2]], unit(given[[0, 2]]))


@pytest.mark.parametrize("unit", UNITS, ids=["l1", "l2"])
def test_one_value_alone_is_the_whole_direction(unit: Any) -> None:
    given = torch.zeros(4, 1, 3, 3)
    given[:, 0, 1, 2] = torch.tensor([-1e-45, 3e-39, 7.0, -3e38])
    assert torch.equal(unit(given)[:, 0, 1, 2], torch.tensor([-1.0, 1, 1, -1]))


@pytest.mark.parametrize("unit", UNITS, ids=["l1", "l2"])
@pytest.mark.parametrize("bad", [torch.inf, -torch.inf, torch.nan])
def test_what_is_not_finite_is_not_hidden(bad: float, unit: Any) -> None:
    given = gradients(1, torch.float32, [1.0, 1.0])
    given[0, 1, 2, 3] = bad
    found = unit(given)
    assert not found[0].isfinite().all()
    assert found[1].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("seed", range(4))
def test_ordinary_gradients_have_the_bits_of_the_plain_quotient(seed: int, dtype: torch.dtype) -> None:
    given = gradients(seed, dtype, [10.0**k for k in range(-8, 9)])
    assert torch.equal(unit_l2(given), given / given.square().sum((1, 2, 3), keepdim=True).sqrt())
    assert torch.equal(unit_l1(given), given / given.abs().sum((1, 2, 3), keepdim=True))
    assert ((to_size_one(given).abs().amax((1, 2, 3)) >= 1) & (to_size_one(given).abs().amax((1, 2, 3)) < 2)).all()


# Attacks -------------------------------------------------------------------------------------------------------------


class Scaled(nn.Module):
    """A network whose logits, and so its gradients, are a power of two larger or smaller."""

    def __init__(self, network: nn.Module, exponent: int) -> None:
        super().__init__()
        self.network, self.factor = network, 2.0**exponent

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x) * self.factor


def run(name: str, model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    regions = {"epsilon_foreground": 0.3, "epsilon_background": 0.8, "weight": 0, "steps": 3, "draws": draws(x)}
    if name == "dual_l2":
        return dual_l2(model, x, labels, foreground=x[:, 0] > 0.5, **regions)
    if name == "pgd_l2":
        return pgd_l2(model, x, labels, epsilon_l2=0.8, steps=3, draws=draws(x))
    return mifgsm(model, x, labels, epsilon=0.1, step=0.03, steps=5)


@pytest.mark.parametrize("name", ["pgd_l2", "dual_l2", "mifgsm"])
def test_a_network_with_tiny_logits_is_attacked_like_any_other(name: str) -> None:
    """Cross-entropy is linear in small logits, so that from some scale on the steps no longer depend on it."""
    model, x = small(3), images(3)
    labels = labelled(model, x)
    once = run(name, Scaled(model, -30).eval(), x, labels)
    for exponent in (-100, -500, -1000):
        torch.testing.assert_close(run(name, Scaled(model, exponent).eval(), x, labels), once, rtol=0, atol=1e-6)


@pytest.mark.parametrize("factor", [40, 60, 80])
def test_a_saturated_network_moves_every_image_whose_gradient_is_not_zero(factor: int) -> None:
    """Its gradients lie far below 1e-12: the probabilities of wrong classes are that small."""
    network, x = small(0).float(), images(0, 40).float()
    model = nn.Sequential(network, nn.Linear(4, 4, bias=False))
    with torch.no_grad():
        model[1].weight.copy_(factor * torch.eye(4))
    labels = labelled(model, x)
    leaf = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(F.cross_entropy(model(leaf), labels, reduction="sum"), leaf)
    size = slope.abs().amax((1, 2, 3))
    assert ((size > 0) & (size < 1e-12)).sum() >= 3
    made = unit_l2(slope)
    lengths = made.square().sum((1, 2, 3)).sqrt()
    torch.testing.assert_close(lengths, (size > 0).float(), rtol=1e-5, atol=0)
