"""Attacks that do not wait: replayed gradients and answers are those of the network, whatever the number of images.

A recording of a GPU is replaced by one of a processor, which repeats the operations without their Python.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from recorded import Traced
from torch import Tensor, nn
from victims import draws, images, labelled, small

from lacuna.attacks.core.quick import Quick, quick, room
from lacuna.attacks.core.run import Attempt, Supplies, adversarial_images
from lacuna.attacks.core.victim import Replaying, input_gradient
from lacuna.attacks.dual import dual_l2
from lacuna.attacks.fgsm import fgsm
from lacuna.attacks.mifgsm import mifgsm
from lacuna.attacks.pgd import pgd
from lacuna.attacks.pgd_l2 import pgd_l2
from lacuna.errors import LacunaError
from lacuna.language.attacks import METHODS
from lacuna.models.thermometer import Thermometer
from lacuna.numerics.images import to_bytes

torch.set_num_threads(1)
PACKAGE = Path(__file__).resolve().parents[2] / "src/lacuna"
SMALL = {"epsilon": 0.1, "step": 0.02, "steps": 6}
MASKS = torch.rand(9, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.5
ROOMS = {9, 5, 3, 2, 1}
REGIONS = {"epsilon_foreground": 0.1, "epsilon_background": 0.6, "weight": 0, "steps": 3, "foreground": MASKS}
ATTACKS: dict[str, tuple[Callable[..., Tensor], dict[str, Any], set[int]]] = {  # and how large its recordings are
    "fgsm": (fgsm, {"epsilon": 0.1}, {9}),
    "mifgsm": (mifgsm, SMALL, {9}),
    "pgd": (pgd, SMALL, {9}),
    "pgd, images stop": (pgd, SMALL | {"until_fooled": True}, ROOMS),
    "pgd, restarts": (pgd, SMALL | {"random_start": True, "restarts": 2}, {9}),
    "pgd_l2, noise": (pgd_l2, {"epsilon_l2": 1.0, "steps": 3, "noise": 0.2, "samples": 2}, {9}),
    "dual_l2, restarts": (dual_l2, REGIONS | {"restarts": 2}, ROOMS),
}


def quickly(network: nn.Module, batch: int) -> Quick:
    return Quick(network, batch, Traced).eval()


@pytest.mark.parametrize("batch", [1, 2, 7, 8, 125])
def test_rooms_are_halves_and_leave_less_than_half_of_themselves_empty(batch: int) -> None:
    found = {count: room(count, batch) for count in range(1, batch + 1)}
    assert all(count <= size < 2 * count or size == 1 for count, size in found.items())
    assert found[batch] == batch
    sizes = sorted(set(found.values()), reverse=True)
    assert all(smaller == (larger + 1) // 2 for larger, smaller in pairwise(sizes))


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_a_quick_network_is_the_attack(name: str) -> None:
    attack, budget, sizes = ATTACKS[name]
    network, x = small(1), images(2, 9)
    labels, victim = labelled(network, x), quickly(network, 9)
    drawn = {"draws": draws(x)} if {"random_start", "noise", "foreground"} & budget.keys() else {}
    ours, theirs = (attack(one, x, labels, **budget, **drawn) for one in (victim, network))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    made = {key[1] for key in victim.recorded}
    assert 9 in made <= sizes
    assert (len(made) > 1) == (sizes is ROOMS), "images stop early"


@pytest.mark.parametrize("count", [1, 4, 9, 12])
def test_gradients_and_answers_do_not_depend_on_what_was_replayed_before(count: int) -> None:
    network, x = small(2), images(3, 12)
    labels, victim = labelled(network, x), quickly(network, 9)
    first = input_gradient(victim, x[3:12], labels[3:12])
    kept = first.clone()
    slope = input_gradient(victim, x[:count], labels[:count])
    torch.testing.assert_close(slope, input_gradient(network, x[:count], labels[:count]), rtol=0, atol=1e-13)
    with torch.no_grad():
        torch.testing.assert_close(victim(x[:count]), network(x[:count]), rtol=0, atol=1e-13)
    assert torch.equal(first, kept)
    assert {key[1] for key in victim.recorded} == {9} | ({room(count, 9)} if count <= 9 else set())


def test_a_gradient_that_something_else_asks_for_goes_through_the_network() -> None:
    network, x = small(2), images(3, 4).requires_grad_()
    victim = quickly(network, 4)
    victim(x).square().sum().backward()
    (expected,) = torch.autograd.grad(network(x).square().sum(), x)
    assert torch.equal(x.grad, expected)
    assert not victim.recorded


def test_a_network_without_gradient_is_refused_in_the_same_words() -> None:
    network = nn.Sequential(Thermometer(4), nn.Flatten(), nn.Linear(2 * 4 * 64, 4)).eval()
    with pytest.raises(LacunaError, match="attack such a network with lspga"):
        fgsm(quickly(network, 6), images(1).float(), torch.zeros(6, dtype=torch.int64), epsilon=0.1)


class Crowded(Traced):
    """A recording on a GPU with room for three images."""

    def __init__(self, work: Any, example: Any) -> None:
        if len(example["x"]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        super().__init__(work, example)


def test_where_memory_is_short_all_recordings_are_given_up_and_smaller_ones_are_made() -> None:
    network, x = small(1), images(1, 9)
    victim, lines = Quick(network, 9, Crowded).eval(), list[str]()
    what = labelled(network, x), Attempt("pgd", "pgd", {"epsilon": "8/255", "step": "2/255", "steps": 3})
    pixels = to_bytes(x.clone())
    made = [
        adversarial_images(one.float(), pixels, *what, Supplies(draws(x)), batch=9, say=lines.append)
        for one in (victim, network)
    ]
    assert (made[0].images.int() - made[1].images.int()).abs().double().mean() < 0.05
    assert len([line for line in lines if "ran out of memory" in line]) == 2
    assert {key[1] for key in victim.recorded} <= {1, 2, 3}


def test_a_processor_attacks_the_network_itself() -> None:
    network = small(1)
    assert quick(network, 9) is network


def test_methods_are_fast_whose_gradients_can_be_replayed() -> None:
    assert issubclass(Quick, Replaying)
    asked = {
        name
        for name, method in METHODS.items()
        if any("import" in line and "input_gradient" in line for line in lines_of(method.modules))
    }
    assert {name for name, method in METHODS.items() if method.fast} == asked


def lines_of(modules: tuple[str, ...]) -> list[str]:
    return [line for name in modules for line in (PACKAGE / f"{name}.py").read_text().splitlines()]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_of_cuda_graphs_is_the_attack(name: str) -> None:
    from lacuna.numerics.device import prepare_torch

    assert prepare_torch(1) == "cuda"
    attack, budget, _ = ATTACKS[name]
    network, x = small(1).cuda(), images(2, 9)
    how = {key: value.cuda() if isinstance(value, Tensor) else value for key, value in budget.items()}
    drawn = {"draws": draws(x)} if {"random_start", "noise", "foreground"} & budget.keys() else {}
    x = x.cuda()
    victim, labels = quick(network, 9), labelled(network, x)
    assert isinstance(victim, Quick)
    ours, theirs = (attack(one, x, labels, **how, **drawn) for one in (victim, network))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
