"""Randomised smoothing: against binomial sums done slowly, abstention, and that noise belongs to images."""

from itertools import pairwise
from math import comb
from typing import Any

import pytest
import torch
from scipy.stats import binom, norm
from torch import Tensor, nn

from lacuna.evaluation.defenses import DefendedNetwork, defend
from lacuna.evaluation.predictions import predict
from lacuna.evaluation.smoothing import CHUNK, SmoothedNetwork
from lacuna.numerics.images import as_pixels

torch.set_num_threads(1)
SETTINGS = {"sigma": 0.3, "n0": 40, "n": 150, "alpha": 0.01}


class Half(nn.Module):
    """Three classes by the mean brightness, so that the probability of each under noise is known."""

    def __init__(self, bounds: tuple[float, float] = (0.4, 0.6)) -> None:
        super().__init__()
        self.bounds, self.seen = bounds, list[Tensor]()

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        mean = x.mean((1, 2, 3))
        classes = (mean > self.bounds[0]).long() + (mean > self.bounds[1]).long()
        return nn.functional.one_hot(classes, 3).float()


def pictures(count: int = 9, size: int = 2) -> Tensor:
    levels = torch.linspace(60, 200, count).view(-1, 1, 1, 1).expand(count, 1, size, size)
    return levels.to(torch.uint8).contiguous()


def lower_bound(successes: int, trials: int, alpha: float) -> float:
    """The p at which so many successes or more have probability alpha, by bisection of the binomial sum."""
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        tail = sum(comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(successes, trials + 1))
        low, high = (p, high) if tail < alpha else (low, p)
    return low if successes else 0.0


def slow(model: Half, image: Tensor, settings: dict[str, Any], seed: int) -> tuple[int, float]:
    """One image: the noise that `SmoothedNetwork` draws, counts one at a time, the slow bound."""
    watched = SmoothedNetwork(settings, model, seed)
    model.seen.clear()
    watched.certify(image[None])
    noisy = torch.cat(model.seen[1:])  # the first call asks for the number of classes
    assert len(noisy) == settings["n0"] + settings["n"]
    said = [int(model(one[None]).argmax()) for one in noisy]
    chosen = max(range(3), key=lambda k: said[: settings["n0"]].count(k))
    bound = lower_bound(said[settings["n0"] :].count(chosen), settings["n"], settings["alpha"])
    return (-1, 0.0) if bound < 0.5 else (chosen, settings["sigma"] * float(norm.ppf(bound)))


@pytest.mark.parametrize("changes", [{}, {"n": 230, "sigma": 0.6}, {"alpha": 0.2, "n0": 7}])
def test_answers_and_radii_are_those_of_the_binomial_sums(changes: dict[str, Any]) -> None:
    settings = SETTINGS | changes
    images = pictures()
    classes, radii = SmoothedNetwork(settings, Half(), 5).certify(images)
    expected = [slow(Half(), image, settings, 5) for image in images]
    assert classes.tolist() == [answer for answer, _ in expected]
    assert radii.tolist() == pytest.approx([radius for _, radius in expected], rel=1e-6)
    assert (radii[classes == -1] == 0).all()
    assert (classes == -1).any()
    assert radii.max() > 0
    assert torch.equal(SmoothedNetwork(settings, Half(), 5).decide(images), classes)


@pytest.mark.parametrize("n", [1, 99, 100, 101, 450, 1000])
@pytest.mark.parametrize("alpha", [0.001, 0.3])
def test_deciding_gives_the_certified_classes_and_stops_once_the_rest_cannot_change_them(n: int, alpha: float) -> None:
    settings, images = SETTINGS | {"n": n, "alpha": alpha}, pictures(25)
    classes = SmoothedNetwork(settings, Half(), 2).certify(images)[0]
    needed = next((k for k in range(n + 1) if binom.sf(k - 1, n, 0.5) <= alpha), n + 1)
    stopped = 0
    for image, answer in zip(images, classes.tolist(), strict=True):
        model = Half()
        assert SmoothedNetwork(settings, model, 2).decide(image[None]).tolist() == [answer]
        said = model(torch.cat(model.seen[1:])).argmax(1)  # the first call asks for the number of classes
        chosen = int(said[: settings["n0"]].bincount().argmax())
        hits, seen = int((said[settings["n0"] :] == chosen).sum()), len(said) - settings["n0"]
        assert (hits >= needed) == (answer >= 0)
        assert hits >= needed or hits + n - seen < needed
        stopped += seen < n
    assert (stopped > 0) == (n > CHUNK)


def test_a_certified_answer_is_that_of_the_true_probability() -> None:
    images = pictures(40)
    classes, radii = SmoothedNetwork(SETTINGS | {"n": 1000}, Half(), 1).certify(images)
    spread = SETTINGS["sigma"] / 2  # of the mean of four values
    for image, answer, radius in zip(as_pixels(images), classes.tolist(), radii.tolist(), strict=True):
        mean, cuts = float(image.mean()), [-9.0, 0.4, 0.6, 9.0]
        shares = [norm.cdf(high, mean, spread) - norm.cdf(low, mean, spread) for low, high in pairwise(cuts)]
        if answer >= 0:
            assert shares[answer] > 0.5
            assert radius <= SETTINGS["sigma"] * norm.ppf(shares[answer]) + 0.05
        else:
            assert max(shares) < 0.62


def test_noise_is_gaussian_of_the_stated_width_and_not_clipped() -> None:
    model = Half()
    SmoothedNetwork(SETTINGS | {"n": 2000}, model, 0).certify(pictures(1, 6))
    noise = torch.cat(model.seen[1:]) - as_pixels(pictures(1, 6))
    assert noise.std() == pytest.approx(0.3, rel=0.02)
    assert abs(noise.mean()) < 0.01
    assert (torch.cat(model.seen[1:]) < 0).any()
    assert max(len(batch) for batch in model.seen) == CHUNK


def test_results_depend_on_the_image_and_the_seed_not_on_the_batch() -> None:
    images = pictures(12)
    whole = SmoothedNetwork(SETTINGS, Half(), 3).certify(images)
    parts = [SmoothedNetwork(SETTINGS, Half(), 3).certify(images[i : i + 5]) for i in (0, 5, 10)]
    assert torch.equal(torch.cat([radii for _, radii in parts]), whole[1])
    turned = SmoothedNetwork(SETTINGS, Half(), 3).certify(images.flip(0))
    assert torch.equal(turned[1].flip(0), whole[1])
    assert not torch.equal(SmoothedNetwork(SETTINGS, Half(), 4).certify(images)[1], whole[1])
    drawn = []
    for image in images[:2]:
        model = Half()
        SmoothedNetwork(SETTINGS, model, 3).certify(image[None])
        drawn.append(torch.cat(model.seen[1:]) - as_pixels(image[None]))
    assert not torch.allclose(*drawn, atol=0.01), "each image has noise of its own"


def test_a_target_may_be_smoothed_and_abstains_with_minus_one() -> None:
    images = pictures()
    target = defend({"smoothing": SETTINGS}, Half(), 5)
    said = predict(target, images, 4)
    assert torch.equal(said, SmoothedNetwork(SETTINGS, Half(), 5).certify(images)[0])
    assert said.dtype == torch.int64
    assert isinstance(defend({"function": "torch:sigmoid"}, Half(), 5), DefendedNetwork)
