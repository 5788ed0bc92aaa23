"""Expectation over transformation: attacks on a network that draws average gradients over draws."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from victims import draws, images, small

from lacuna.attacks.apgd import apgd_ce
from lacuna.attacks.core.victim import Averaged, averaged, input_gradient, loss_with_gradient
from lacuna.attacks.fgsm import fgsm
from lacuna.attacks.pgd import pgd
from lacuna.errors import LacunaError
from lacuna.evaluation.defenses import defend

torch.set_num_threads(1)
LABELS = torch.tensor([0, 1, 2, 3, 0, 1])


class Noisy(nn.Module):
    """A network that sees each image with noise of its own; ``spread`` is the noise's standard deviation."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.body, self.spread, self.asked = small(3), spread, 0

    def forward(self, x: Tensor) -> Tensor:
        self.asked += 1
        answer: Tensor = self.body(x + self.spread * torch.randn_like(x))
        return answer


def noisy(spread: float = 0.5) -> Noisy:
    return Noisy(spread).eval()


def test_the_gradient_is_the_mean_of_the_gradients_of_the_loss_not_that_of_mean_logits() -> None:
    network, x = noisy(), images(1, 6)
    torch.manual_seed(3)
    found = input_gradient(averaged(network, 5), x, LABELS)
    torch.manual_seed(3)
    expected = torch.stack([input_gradient(network, x, LABELS) for _ in range(5)]).mean(0)
    assert torch.equal(found, expected)
    torch.manual_seed(3)
    at = x.clone().requires_grad_()
    (of_logits,) = torch.autograd.grad(F.cross_entropy(averaged(network, 5)(at), LABELS, reduction="sum"), at)
    assert not torch.allclose(found, of_logits)


def test_a_loss_its_gradient_and_the_logits_are_means_over_the_same_draws() -> None:
    network, x = noisy(), images(2, 6)

    def loss(logits: Tensor) -> Tensor:
        return F.cross_entropy(logits, LABELS, reduction="none")

    torch.manual_seed(4)
    values, slope, logits = loss_with_gradient(averaged(network, 4), x, loss)
    torch.manual_seed(4)
    found = [loss_with_gradient(network, x, loss) for _ in range(4)]
    for got, parts in zip((values, slope, logits), zip(*found, strict=True), strict=True):
        assert torch.equal(got, torch.stack(parts).mean(0))


@pytest.mark.parametrize("count", [1, 3])
def test_a_network_that_does_not_draw_is_attacked_as_before(count: int) -> None:
    network, x = small(3), images(5, 6)
    model = averaged(network, count)
    assert (model is network) == (count == 1)
    how = {"epsilon": 0.1, "step": 0.02, "steps": 4}
    assert torch.equal(pgd(network, x, LABELS, **how), pgd(model, x, LABELS, **how))  # type: ignore[arg-type]
    made = [apgd_ce(one, x, LABELS, epsilon=0.1, steps=5, draws=draws(x)) for one in (network, model)]
    assert torch.allclose(*made, atol=1e-9)


def test_each_step_asks_once_for_each_draw_with_the_whole_batch() -> None:
    network, x = noisy(), images(6, 6)
    pgd(averaged(network, 7), x, LABELS, epsilon=0.1, step=0.05, steps=3)
    assert network.asked == 21


def test_more_draws_come_closer_to_the_gradient_of_the_expected_loss() -> None:
    network, x = noisy(), images(7, 6)
    torch.manual_seed(0)
    truth = input_gradient(Averaged(network, 2000), x, LABELS)
    away = []
    for count in (1, 10, 100):
        found = [input_gradient(averaged(network, count), x, LABELS) for _ in range(5)]
        away.append(torch.stack([(one - truth).norm() for one in found]).mean())
    assert away[0] > 2 * away[1] > 4 * away[2]


def test_an_attack_on_the_average_raises_the_expected_loss_more() -> None:
    network, x = noisy(1.5), images(8, 6)

    def expected_loss(made: Tensor) -> float:
        torch.manual_seed(1)
        with torch.no_grad():
            losses = [F.cross_entropy(network(made), LABELS) for _ in range(400)]
        return float(torch.stack(losses).mean())

    torch.manual_seed(2)
    once, often = (
        sum(expected_loss(fgsm(averaged(network, count), x, LABELS, epsilon=0.2)) for _ in range(3)) / 3
        for count in (1, 60)
    )
    assert often > once > expected_loss(x)


def test_a_defense_that_lets_no_gradient_through_is_one_sentence() -> None:
    defended = defend({"function": "lacuna.purify:median", "arguments": {"size": 3}}, small(3).float(), 0)
    with pytest.raises(LacunaError, match=r"or its defense, discretises them; allowed: .* square or boundary"):
        fgsm(averaged(defended, 2), images(9, 6).float(), LABELS, epsilon=0.1)
