"""JSMA: how much changes, towards which class, and that batches decide nothing; against a slow version."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from victims import CLASSES, draws, images, labelled, small

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.toolbox import estimator
from lacuna.attacks.jsma import jsma
from lacuna.errors import LacunaError

torch.set_num_threads(1)


def problem(seed: int, count: int = 6, channels: int = 2) -> tuple[nn.Module, Tensor, Tensor]:
    model, x = small(seed, channels).float(), images(seed, count, channels).float()
    return model, x, labelled(model, x)


@pytest.mark.parametrize("gamma", [0.01, 0.02, 0.04, 0.1, 0.5])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seed", range(2))
def test_at_most_the_stated_share_of_pixels_changes(seed: int, channels: int, gamma: float) -> None:
    model, x, labels = problem(seed, 12, channels)
    made = jsma(model, x, labels, gamma=gamma, draws=draws(x))
    changed = (made.images != x).any(1).double().mean((1, 2))
    assert (changed <= gamma).all()
    assert made.images.min() >= 0
    assert made.images.max() <= 1
    assert (made.images >= x).all(), "theta is above zero"
    assert made.images.dtype == x.dtype
    if gamma * 64 >= 2:
        assert changed.max() > 0
    else:
        assert torch.equal(made.images, x)
    if gamma == 0.5:
        assert (labelled(model, made.images) == made.extras["wanted"]).double().mean() > 0.4
    assert made.valid.all()


def test_the_wanted_class_is_any_but_the_true_one() -> None:
    model, x, labels = problem(0, 600)
    wanted = jsma(model, x, labels, gamma=0.001, draws=draws(x)).extras["wanted"]
    assert wanted.dtype == torch.int64
    offsets = (wanted - labels) % CLASSES
    assert torch.bincount(offsets, minlength=CLASSES)[0] == 0
    assert (torch.bincount(offsets, minlength=CLASSES)[1:] > 150).all()
    assert set(wanted.tolist()) == set(range(CLASSES))


@pytest.mark.parametrize("theta", [0.3, 1.0])
def test_it_raises_the_two_best_values_until_the_class_is_reached(theta: float) -> None:
    model, x, labels = problem(1, 8)
    made = jsma(model, x, labels, gamma=0.2, theta=theta, draws=draws(x))
    moved = 0
    for i in range(len(x)):
        one, target, touched = x[i].clone(), int(made.extras["wanted"][i]), set[int]()
        while int(labelled(model, one[None])) != target and len(touched) <= int(0.2 * 64) - 2:
            leaf = one.clone().requires_grad_()
            slope = torch.autograd.grad(model(leaf[None])[0, target], leaf)[0].flatten()
            slope[one.flatten() >= 1] = -torch.inf
            best = slope.topk(2).indices.tolist()
            touched |= set(best)
            for place in best:
                one.view(-1)[place] = min(1.0, float(one.view(-1)[place]) + theta)
        moved += len(touched)
        torch.testing.assert_close(made.images[i], one, rtol=0, atol=1e-6)
    assert moved > 10


def test_nothing_depends_on_the_batch() -> None:
    model, x, labels = problem(2, 7)
    seeds = draws(x)
    whole = jsma(model, x, labels, gamma=0.1, draws=seeds)
    for size in (1, 3):
        places = [slice(i, i + size) for i in range(0, len(x), size)]
        parts = [jsma(model, x[p], labels[p], gamma=0.1, draws=seeds.part(p)) for p in places]
        torch.testing.assert_close(torch.cat([part.images for part in parts]), whole.images, rtol=0, atol=1e-6)
        assert torch.equal(torch.cat([part.extras["wanted"] for part in parts]), whole.extras["wanted"])
    other = jsma(model, x, labels, gamma=0.1, draws=Draws(8, seeds.images))
    assert not torch.equal(other.extras["wanted"], whole.extras["wanted"])


def test_training_mode_is_refused_and_parameters_are_as_before() -> None:
    model, x, labels = problem(0)
    jsma(model, x, labels, gamma=0.1, draws=draws(x))
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(module.training for module in model.modules())
    with pytest.raises(LacunaError, match="evaluation mode"):
        jsma(model.train(), x, labels, gamma=0.1, draws=draws(x))


def test_a_step_takes_one_backward_pass_whatever_classes_are_wanted() -> None:
    model, x, labels = problem(0, 12)
    victim, passes = estimator(model, x), list[int]()
    last = list(model.children())[-1]  # the toolbox calls the parts of a sequence one by one
    last.register_forward_hook(lambda *said: said[-1].register_hook(lambda _: passes.append(1)) and None)
    wanted = ((labels + 1 + torch.arange(12) % 2) % CLASSES).numpy()
    ours = victim.class_gradient(x.numpy(), wanted)
    assert len(passes) == 1
    theirs = super(type(victim), victim).class_gradient(x.numpy(), wanted)
    assert len(passes) > 2
    assert ours.shape == theirs.shape == (12, 1, *x.shape[1:])
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert victim.class_gradient(x.numpy(), 1).shape == ours.shape
