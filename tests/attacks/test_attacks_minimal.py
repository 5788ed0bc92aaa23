"""CW-L2 and the boundary attack: against slow versions, the known answer of a linear model, and their limits."""

from typing import Any

import foolbox
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from victims import TwoClasses, draws, images, labelled, small

from lacuna.attacks.boundary import BLENDS, boundary
from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.margins import margins, median_margin
from lacuna.attacks.cw import cw
from lacuna.errors import LacunaError
from lacuna.numerics.images import to_bytes

torch.set_num_threads(1)
CW: dict[str, Any] = {"steps": 60, "binary_search_steps": 4, "learning_rate": 0.05, "initial_const": 0.01}
WALK: dict[str, Any] = {"steps": 150, "spherical_step": 0.05, "source_step": 0.05, "step_adaptation": 1.5}


def distance(made: Tensor, x: Tensor) -> Tensor:
    return (made - x).flatten(1).norm(dim=1)


def slow_cw(model: nn.Module, x: Tensor, label: int, kappa: float, how: dict[str, Any]) -> Tensor | None:
    """CW-L2 on one image as the paper of Carlini and Wagner has it, with torch's Adam; None where nothing is found."""
    centre = torch.atanh((2 * x - 1) * 0.999999)
    nearest, best, low, high, constant = float("inf"), None, 0.0, float("inf"), how["initial_const"]
    for search in range(how["binary_search_steps"]):
        if how["binary_search_steps"] >= 10 and search == how["binary_search_steps"] - 1:
            constant = min(high, 1e10)
        change = torch.zeros_like(x, requires_grad=True)
        adam, success = torch.optim.Adam([change], lr=how["learning_rate"]), False
        for _ in range(how["steps"]):
            image = (torch.tanh(centre + change) + 1) / 2
            logits = model(image[None])[0]
            wrong = max((i for i in range(len(logits)) if i != label), key=logits.tolist().__getitem__)
            gap = logits[label] - logits[wrong] + kappa
            loss = float(np.float32(constant)) * torch.relu(gap)
            loss = loss + (image - (torch.tanh(centre) + 1) / 2).square().sum()
            if gap < 0:
                success = True
                if (image.detach() - x).norm() < nearest:
                    best = image.detach().clone()
                nearest = float((best - x).norm())
            adam.zero_grad()
            loss.backward()
            adam.step()
        low, high = (low, constant) if success else (constant, high)
        constant = constant * 10 if high == float("inf") else (low + high) / 2
    return best


@pytest.mark.parametrize(
    ("seed", "kappa", "searches"), [(0, 0.0, 5), (1, 1.0, 4), (2, 2.5, 3), (3, 0.5, 11), (4, 4.0, 2)]
)
def test_cw_is_a_slow_version_of_one_image_at_a_time(seed: int, kappa: float, searches: int) -> None:
    model, x = small(seed), images(seed, 3)
    labels, how = labelled(model, x), CW | {"binary_search_steps": searches, "steps": 20}
    made = cw(model, x, labels, kappa=kappa, **how)
    assert made.valid.dtype == torch.bool
    for i in range(len(x)):
        slow = slow_cw(model, x[i], int(labels[i]), kappa, how)
        assert made.valid[i] == (slow is not None)
        expected = x[i] if slow is None else slow
        torch.testing.assert_close(made.images[i], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("seed", "kappa"), [(0, 0.5), (1, 0.0), (2, 2.0)])
def test_cw_finds_the_nearest_image_of_confidence_kappa_on_a_linear_model(seed: int, kappa: float) -> None:
    model, x = TwoClasses(seed).eval(), 0.4 + 0.2 * images(seed, 8, size=4)
    labels = labelled(model, x)
    how = CW | {"steps": 150, "binary_search_steps": 8, "learning_rate": 0.01, "initial_const": 0.1}
    made = cw(model, x, labels, kappa=kappa, **how)
    nearest = (margins(model, x, labels) + kappa) / model.weight.detach().norm()
    assert made.valid.all()
    assert (distance(made.images, x) >= nearest - 1e-6).all()
    assert (distance(made.images, x) <= 1.01 * nearest + 1e-3).all()


def test_an_image_that_misses_kappa_is_clean_and_not_valid() -> None:
    model, x = small(0), images(0)
    labels, how = labelled(model, x), CW | {"initial_const": 1.0}
    for kappa in (0.0, 3.0, 6.0, 1e6):
        made = cw(model, x, labels, kappa=kappa, **how)
        assert torch.equal(made.images[~made.valid], x[~made.valid])
        assert (margins(model, made.images, labels)[made.valid] < -kappa).all()
        assert made.images.min() >= 0
        assert made.images.max() <= 1
    assert not made.valid.any()
    counts = [int(cw(model, x, labels, kappa=k, **how | {"steps": 4}).valid.sum()) for k in (0.0, 2.0, 4.0, 8.0)]
    assert counts == sorted(counts, reverse=True)
    assert set(counts) - {0, len(x)}  # some, not all


def test_the_black_image_that_foolbox_gives_for_none_is_not_taken_for_an_example() -> None:
    model, x = TwoClasses(0).eval(), torch.full((3, 2, 4, 4), 0.9, dtype=torch.float64)
    with torch.no_grad():
        model.weight.fill_(1.0)
        model.bias.fill_(-1.0)  # black is class 0, the images are class 1
    labels = labelled(model, x)
    assert margins(model, torch.zeros_like(x), labels).lt(0).all()
    made = cw(model, x, labels, kappa=0.0, **CW | {"steps": 1, "binary_search_steps": 1})
    assert not made.valid.any()
    assert torch.equal(made.images, x)


def test_the_median_margin_is_that_of_all_images() -> None:
    model, pixels = small(5).float(), to_bytes(images(5, 9).float())
    labels = labelled(model, pixels / 255)
    logits = model(pixels / 255).detach()
    expected = []
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        expected.append(row[label] - max(value for i, value in enumerate(row) if i != label))
    for batch in (1, 4, 9):
        assert median_margin(model, pixels, labels, batch) == pytest.approx(np.median(expected), rel=1e-5)


def startable(seed: int) -> tuple[nn.Module, Tensor, Tensor]:
    model, x = small(seed), images(seed, 5)
    return model, x, labelled(model, x)


@pytest.mark.parametrize("seed", range(3))
def test_the_walk_is_foolboxs_from_the_same_start_and_seed(seed: int) -> None:
    model, x, labels = startable(seed)
    seeds = draws(x, seed)
    made = boundary(model, x, labels, **WALK, draws=seeds)
    victim = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    for i in range(len(x)):
        one, label = x[i : i + 1], labels[i : i + 1]
        torch.manual_seed(seeds.seeds("start")[i])
        start = foolbox.attacks.LinearSearchBlendedUniformNoiseAttack(steps=BLENDS).run(
            victim, one, foolbox.criteria.Misclassification(label)
        )
        torch.manual_seed(seeds.seed)
        walked = foolbox.attacks.BoundaryAttack(**WALK).run(
            victim, one, foolbox.criteria.Misclassification(label), starting_points=start
        )
        torch.testing.assert_close(made.images[i : i + 1], walked, rtol=0, atol=1e-9)
        assert distance(walked, one) < 0.95 * distance(start, one)
    assert made.valid.all()
    assert torch.equal(labelled(model, made.images) == labels, torch.zeros(len(x), dtype=torch.bool))


def test_walks_do_not_depend_on_batches_nor_on_the_global_generator() -> None:
    model, x, labels = startable(3)
    seeds = draws(x)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    whole = boundary(model, x, labels, **WALK, draws=seeds)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    parts = [boundary(model, x[p], labels[p], **WALK, draws=seeds.part(p)) for p in (slice(0, 2), slice(2, 5))]
    torch.testing.assert_close(torch.cat([part.images for part in parts]), whole.images, rtol=0, atol=1e-9)
    assert torch.equal(boundary(model, x, labels, **WALK, draws=seeds).images, whole.images)
    assert not torch.equal(boundary(model, x, labels, **WALK, draws=Draws(99, seeds.images)).images, whole.images)


@pytest.mark.parametrize("seed", range(2))
def test_long_walks_come_near_the_boundary_of_a_linear_model(seed: int) -> None:
    model, x = TwoClasses(seed).eval(), 0.4 + 0.2 * images(seed, 6, size=4)
    labels = labelled(model, x)
    nearest = margins(model, x, labels) / model.weight.detach().norm()
    short, long = (boundary(model, x, labels, **WALK | {"steps": steps}, draws=draws(x)).images for steps in (50, 1500))
    assert (distance(long, x) >= nearest - 1e-9).all()
    assert distance(long, x).sum() < 0.5 * distance(short, x).sum()
    assert distance(long, x).median() < 1.5 * nearest.median()


class OneAnswer(nn.Module):
    """Class 0 for every image but a black one."""

    def forward(self, x: Tensor) -> Tensor:
        score = (x.sum((1, 2, 3)) == 0).to(x.dtype)
        return torch.stack([1 - score, score], 1)


def test_an_image_without_a_start_is_clean_and_not_valid() -> None:
    x = images(0, 3)
    labels = torch.tensor([0, 1, 0])  # the second is wrong as it is
    made = boundary(OneAnswer().eval(), x, labels, **WALK, draws=draws(x))
    assert made.valid.tolist() == [False, True, False]
    assert torch.equal(made.images, x)


def test_attacks_refuse_a_network_in_training_mode() -> None:
    model, x, labels = startable(0)
    with pytest.raises(LacunaError, match="evaluation mode"):
        cw(model.train(), x, labels, kappa=0.0, **CW)
    with pytest.raises(LacunaError, match="evaluation mode"):
        boundary(model, x, labels, **WALK, draws=draws(x))
