"""APGD: against a slow literal version and the toolbox's, and what holds on any network and any images."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from literal_apgd import course
from torch import Tensor, nn
from victims import CLASSES, TwoClasses, draws, images, labelled, small

from lacuna.attacks.apgd import Best, apgd_ce, apgd_t, checkpoints, cross_entropy, targeted_dlr
from lacuna.attacks.core.ball import box, uniform_start
from lacuna.attacks.core.toolbox import estimator
from lacuna.attacks.pgd import pgd
from lacuna.errors import LacunaError

torch.set_num_threads(1)
BOTH: list[tuple[Any, dict[str, Any]]] = [(apgd_ce, {}), (apgd_t, {"targets": 3})]


def problem(seed: int, count: int = 12) -> tuple[nn.Module, Tensor, Tensor]:
    """A network, images, and the labels it gives, but for every fourth image, which is wrong when clean."""
    model, x = small(seed), images(seed, count)
    labels = labelled(model, x)
    labels[::4] = (labels[::4] + 1) % CLASSES
    return model, x, labels


def right(model: nn.Module, x: Tensor, labels: Tensor) -> int:
    return int((labelled(model, x) == labels).sum())


def losses(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        return F.cross_entropy(model(x), labels, reduction="none")


def start_of(x: Tensor, epsilon: float, number: int = 0) -> Tensor:
    return uniform_start(x, box(x, epsilon), epsilon, number, draws(x))


@pytest.mark.parametrize("steps", [1, 6, 20, 50])
@pytest.mark.parametrize("seed", range(3))
def test_apgd_ce_is_the_literal_algorithm_image_by_image(seed: int, steps: int) -> None:
    model, x, labels = problem(seed)
    made, start, halved = apgd_ce(model, x, labels, epsilon=0.04, steps=steps, draws=draws(x)), start_of(x, 0.04), set()
    for i, label in enumerate(labels):
        loss = cross_entropy(label[None])
        walk = course(model, x[i], int(label), start[i], lambda logits, f=loss: f(logits[None])[0], 0.04, steps)
        torch.testing.assert_close(made[i], walk.result(), rtol=0, atol=1e-9)
        halved |= set(walk.steps)
    assert len(halved) > 1 or steps < 20, "steps are halved somewhere"


@pytest.mark.parametrize("seed", range(3))
def test_apgd_t_is_the_literal_algorithm_towards_one_class_after_the_other(seed: int) -> None:
    model, x, labels = problem(seed)
    made = apgd_t(model, x, labels, epsilon=0.03, steps=10, targets=2, draws=draws(x))
    tried = 0
    for i, label in enumerate(labels):
        with torch.no_grad():
            order = [c for c in model(x[i : i + 1])[0].argsort(descending=True).tolist() if c != label]
        found = []
        for number, wanted in enumerate(order[:2]):
            loss = targeted_dlr(label[None], torch.tensor([wanted]))
            start = start_of(x, 0.03, number)[i]
            found.append(course(model, x[i], int(label), start, lambda z, f=loss: f(z[None])[0], 0.03, 10))
            if any(found[-1].wrong):
                break
        fooling = [walk for walk in found if any(walk.wrong)]
        best = fooling[0] if fooling else max(found, key=lambda walk: max(walk.losses))
        torch.testing.assert_close(made[i], best.result(), rtol=0, atol=1e-9)
        tried += len(found)
    assert tried > len(x), "some image needs its second class"


def test_checkpoints_are_those_of_the_released_code_for_a_hundred_steps() -> None:
    length, ends = 22, [22]
    while ends[-1] + max(length - 3, 6) <= 100:
        length = max(length - 3, 6)
        ends.append(ends[-1] + length)
    assert list(checkpoints(100)) == ends
    for steps in range(1, 60):
        found = list(checkpoints(steps))
        assert found == sorted(found)
        assert 1 <= found[0] <= found[-1] <= steps


@pytest.mark.parametrize(("attack", "how"), BOTH)
@pytest.mark.parametrize("seed", range(3))
def test_results_stay_in_the_ball_and_do_not_depend_on_the_batch(attack: Any, how: dict[str, Any], seed: int) -> None:
    model, x, labels = problem(seed)
    how = how | {"epsilon": 0.05, "steps": 12, "restarts": 2}
    whole = attack(model, x, labels, **how, draws=draws(x))
    assert (whole - x).abs().max() <= 0.05 + 1e-12
    assert whole.min() >= 0
    assert whole.max() <= 1
    for size in (1, 5):
        parts = [slice(i, i + size) for i in range(0, len(x), size)]
        split = torch.cat([attack(model, x[p], labels[p], **how, draws=draws(x).part(p)) for p in parts])
        assert ((split - whole).abs() > 1e-9).double().mean() < 0.001  # the sign of a gradient near zero may flip
    assert not torch.equal(attack(model, x, labels, **how, draws=draws(x, 4)), whole)
    assert torch.equal(attack(model, x, labels, **how, draws=draws(x)), whole)


@pytest.mark.parametrize(("attack", "how"), BOTH)
def test_more_restarts_never_fool_less(attack: Any, how: dict[str, Any]) -> None:
    for seed in range(3):
        model, x, labels = problem(seed, 30)
        counts = [
            right(model, attack(model, x, labels, epsilon=0.02, steps=5, restarts=n, draws=draws(x), **how), labels)
            for n in (1, 2, 4)
        ]
        assert counts == sorted(counts, reverse=True)


def test_the_best_point_gets_better_only() -> None:
    """Fooling comes first, then the loss; offers for some images leave the others alone."""
    x, draw = torch.rand(5, 1, 2, 2), torch.Generator().manual_seed(0)
    best, seen = Best.nothing(x), [[(False, -torch.inf)] for _ in range(5)]
    for _ in range(40):
        places = torch.randperm(5, generator=draw)[:3]
        values, wrong = torch.rand(3, generator=draw), torch.rand(3, generator=draw) < 0.2
        best.offer(values.view(-1, 1, 1, 1).expand(3, 1, 2, 2), values, wrong, places)
        for place, value, fools in zip(places.tolist(), values.tolist(), wrong.tolist(), strict=True):
            seen[place].append((fools, value))
        assert [(bool(w), v.item()) for w, v in zip(best.wrong, best.losses, strict=True)] == [max(s) for s in seen]
    torch.testing.assert_close(best.images[:, 0, 0, 0], best.losses, rtol=0, atol=0)


@pytest.mark.parametrize("seed", range(4))
def test_apgd_leaves_about_as_many_right_as_the_toolboxs(seed: int) -> None:
    """ART's differs in details (moves that raise the best loss are counted), so numbers are close, not equal."""
    from art.attacks.evasion import AutoProjectedGradientDescent

    model, x = small(seed).float(), images(seed, 60).float()
    labels, epsilon = labelled(model, x), 0.03
    ours = apgd_ce(model, x, labels, epsilon=epsilon, steps=30, draws=draws(x))
    np.random.seed(seed)
    theirs = AutoProjectedGradientDescent(
        estimator(model, x), eps=epsilon, eps_step=2 * epsilon, max_iter=30, nb_random_init=1, verbose=False
    ).generate(x.numpy(), labels.numpy())
    other = torch.from_numpy(theirs)
    assert abs(right(model, ours, labels) - right(model, other, labels)) <= 2
    assert losses(model, ours, labels).mean() > 0.98 * losses(model, other, labels).mean()
    assert 0 < right(model, ours, labels) < 60


@pytest.mark.parametrize("seed", range(4))
def test_apgd_is_no_weaker_than_pgd_of_the_same_length(seed: int) -> None:
    model, x, labels = problem(seed, 60)
    walked = pgd(model, x, labels, epsilon=0.03, step=0.01, steps=20)
    for attack, how in BOTH:
        made = attack(model, x, labels, epsilon=0.03, steps=20, draws=draws(x), **how)
        assert right(model, made, labels) <= right(model, walked, labels) + 1


class Saturated(nn.Module):
    """A network's logits times so much that the softmax has no gradient left."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return 1e6 * self.model(x)


@pytest.mark.parametrize("seed", range(3))
def test_a_saturated_softmax_hides_nothing_from_apgd_t(seed: int) -> None:
    model, x = small(seed), images(seed, 30)
    labels = labelled(model, x)
    how = {"epsilon": 0.05, "steps": 10, "draws": draws(x)}
    plain = apgd_t(model, x, labels, **how, targets=3)
    masked = Saturated(model).eval()
    hidden = apgd_t(masked, x, labels, **how, targets=3)
    assert right(masked, hidden, labels) == right(model, plain, labels) < 30
    assert right(masked, apgd_ce(masked, x, labels, **how), labels) > right(masked, hidden, labels)


def test_what_cannot_be_attacked_is_refused() -> None:
    x = images(0)[:, :, :4, :4]
    two = TwoClasses(0).eval()
    with pytest.raises(LacunaError, match="2 classes; allowed: at least 4"):
        apgd_t(two, x, torch.zeros(len(x), dtype=torch.long), epsilon=0.1, steps=2)
    model, y = small(0), images(0)
    for attack in (apgd_ce, apgd_t):
        with pytest.raises(LacunaError, match="evaluation mode"):
            attack(small(0).train(), y, labelled(model, y), epsilon=0.1, steps=2)
        with pytest.raises(ValueError, match=r"in \[0, 1\]"):
            attack(model, y + 1, labelled(model, y), epsilon=0.1, steps=2)
        rounded = nn.Sequential(Rounded(), model).eval()
        with pytest.raises(LacunaError, match="no gradient at its pixels"):
            attack(rounded, y, labelled(model, y), epsilon=0.1, steps=2)


class Rounded(nn.Module):
    """Discretises its input."""

    def forward(self, x: Tensor) -> Tensor:
        return (x.detach() * 4).round() / 4
