"""PGD from random starts and MI-FGSM: against slow versions of one image at a time, and what holds anywhere."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from victims import CLASSES, draws, images, labelled, small

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.mifgsm import mifgsm
from lacuna.attacks.pgd import pgd
from lacuna.errors import LacunaError

torch.set_num_threads(1)
HOW = {"epsilon": 12 / 255, "step": 5 / 255, "steps": 4}


def loss_and_gradient(model: nn.Module, x: Tensor, label: Tensor) -> tuple[float, Tensor]:
    leaf = x.detach().clone().requires_grad_()
    loss = F.cross_entropy(model(leaf[None]), label[None])
    return loss.item(), torch.autograd.grad(loss, leaf)[0]


def slow_walk(model: nn.Module, x: Tensor, label: Tensor, start: Tensor, decay: float | None = None) -> Tensor:
    """PGD, or MI-FGSM where ``decay`` is given, on one image, clipped to the ball and then to [0, 1]."""
    made, momentum = start, torch.zeros_like(x)
    for _ in range(HOW["steps"]):
        _, gradient = loss_and_gradient(model, made, label)
        momentum = gradient if decay is None else decay * momentum + gradient / gradient.abs().sum()
        made = made + HOW["step"] * momentum.sign()
        made = (x + (made - x).clamp(-HOW["epsilon"], HOW["epsilon"])).clamp(0, 1)
    return made


def as_before(model: nn.Module, x: Tensor, labels: Tensor, epsilon: float, step: float, steps: int) -> Tensor:
    """PGD without a random start, in the order of operations whose bytes published results have."""
    lowest, highest = (x - epsilon).clamp_(min=0), (x + epsilon).clamp_(max=1)
    adversarial = x
    for _ in range(steps):
        leaf = adversarial.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(leaf), labels, reduction="sum"), leaf)
        adversarial = torch.clamp(adversarial.add(gradient.sign_(), alpha=step), lowest, highest)
    return adversarial


@pytest.mark.parametrize("seed", range(3))
def test_one_run_without_random_start_has_the_bytes_it_always_had(seed: int) -> None:
    model, x = small(seed).float(), images(seed).float()
    labels = labelled(model, x)
    expected = as_before(model, x, labels, **HOW)
    assert torch.equal(pgd(model, x, labels, **HOW), expected)
    assert torch.equal(pgd(model, x, labels, **HOW, restarts=1, random_start=False, draws=draws(x)), expected)


@pytest.mark.parametrize("seed", range(3))
def test_a_random_start_is_uniform_in_the_ball_and_in_the_pixel_range(seed: int) -> None:
    model, x, epsilon = small(seed), images(seed, 40), 0.1
    still = {"epsilon": epsilon, "step": 0.0, "steps": 0, "random_start": True}
    made = pgd(model, x, labelled(model, x), **still, draws=draws(x, seed))
    change = made - x
    assert change.abs().max() <= epsilon + 1e-12
    assert made.min() >= 0
    assert made.max() <= 1
    inner = change[(x > epsilon) & (x < 1 - epsilon)] / epsilon
    assert abs(inner.mean()) < 0.05
    assert abs(inner.square().mean() - 1 / 3) < 0.03  # of a uniform variable in [-1, 1]
    assert inner.abs().max() > 0.99


@pytest.mark.parametrize("restarts", [1, 2, 5])
@pytest.mark.parametrize("seed", range(2))
def test_of_several_restarts_each_image_keeps_the_one_of_highest_loss(seed: int, restarts: int) -> None:
    model, x = small(seed), images(seed)
    labels, how = labelled(model, x), {"random_start": True, "restarts": restarts, "draws": draws(x)}
    made = pgd(model, x, labels, **HOW, **how)
    kept = set()
    for i in range(len(x)):
        runs = []
        for restart in range(restarts):
            drawn = Draws(3, (10 + i,)).uniform(f"start {restart}", x[i : i + 1])[0]
            start = (x[i] + HOW["epsilon"] * (2 * drawn - 1)).clamp(0, 1)
            runs.append(slow_walk(model, x[i], labels[i], start))
        losses = [loss_and_gradient(model, run, labels[i])[0] for run in runs]
        kept.add(int(np.argmax(losses)))
        torch.testing.assert_close(made[i], runs[int(np.argmax(losses))], rtol=0, atol=1e-12)
    assert restarts == 1 or len(kept) > 1


def test_random_starts_belong_to_images_not_to_batches() -> None:
    model, x = small(0), images(0)
    labels, seeds, how = labelled(model, x), draws(x), HOW | {"random_start": True, "restarts": 2}
    whole = pgd(model, x, labels, **how, draws=seeds)
    for size in (1, 4):
        places = [slice(i, i + size) for i in range(0, len(x), size)]
        parts = [pgd(model, x[p], labels[p], **how, draws=seeds.part(p)) for p in places]
        torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-12)
    backwards = Draws(seeds.seed, seeds.images[::-1])
    turned = pgd(model, x.flip(0), labels.flip(0), **how, draws=backwards).flip(0)
    torch.testing.assert_close(turned, whole, rtol=0, atol=1e-12)
    assert not torch.equal(pgd(model, x, labels, **how, draws=draws(x, 4)), whole)


def test_without_draws_starts_come_from_torchs_generator() -> None:
    model, x = small(0), images(0)
    how: dict[str, Any] = HOW | {"random_start": True}
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(pgd(model, x, labelled(model, x), **how))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_mifgsm_follows_its_formula(seed: int, decay: float) -> None:
    model, x = small(seed), images(seed)
    labels = labelled(model, x)
    made = mifgsm(model, x, labels, **HOW, decay=decay)
    slow = torch.stack([slow_walk(model, x[i], labels[i], x[i], decay) for i in range(len(x))])
    torch.testing.assert_close(made, slow, rtol=0, atol=1e-12)
    parts = [mifgsm(model, x[i : i + 4], labels[i : i + 4], **HOW, decay=decay) for i in (0, 4)]
    torch.testing.assert_close(torch.cat(parts), made, rtol=0, atol=1e-12)
    if decay == 0:
        assert torch.equal(made, pgd(model, x, labels, **HOW))
    if decay == 1:
        assert torch.equal(made, mifgsm(model, x, labels, **HOW))


@pytest.mark.parametrize("seed", range(2))
def test_mifgsm_is_that_of_the_adversarial_robustness_toolbox(seed: int) -> None:
    from art.attacks.evasion import MomentumIterativeMethod
    from art.estimators.classification import PyTorchClassifier

    model, x = small(seed).float(), images(seed).float()
    labels, how = labelled(model, x), {"epsilon": 0.3, "step": 0.1, "steps": 6}
    ours = mifgsm(model, x, labels, **how, decay=0.9)
    victim = PyTorchClassifier(
        model, nn.CrossEntropyLoss(), tuple(x.shape[1:]), CLASSES, clip_values=(0.0, 1.0), device_type="cpu"
    )
    attack = MomentumIterativeMethod(victim, eps=0.3, eps_step=0.1, max_iter=6, decay=0.9, verbose=False)
    theirs = torch.from_numpy(attack.generate(x.numpy(), F.one_hot(labels, CLASSES).numpy()))
    assert (ours - theirs).abs().gt(1e-5).double().mean() < 0.005
    assert (ours - pgd(model, x, labels, **how)).abs().gt(1e-5).double().mean() > 0.1


def test_mifgsm_survives_a_gradient_of_zero_and_refuses_training_mode() -> None:
    model, x = small(0), images(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    labels = labelled(model, x)
    assert torch.equal(mifgsm(model, x, labels, **HOW), x)
    with pytest.raises(LacunaError, match="evaluation mode"):
        mifgsm(model.train(), x, labels, **HOW)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        mifgsm(model.eval(), x + 0.1, labels, **HOW)
