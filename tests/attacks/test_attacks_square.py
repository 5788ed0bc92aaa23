"""The Square attack's wrapper: the ball, the library's own answer, and that nothing else is disturbed."""

import numpy as np
import pytest
import torch
from torch import nn
from victims import CLASSES, draws, images, labelled, small

from lacuna.attacks.core.margins import margins
from lacuna.attacks.square import square
from lacuna.errors import LacunaError
from lacuna.numerics.images import to_bytes

torch.set_num_threads(1)


@pytest.mark.parametrize("seed", range(3))
def test_squares_stay_in_the_ball_and_lower_the_margin(seed: int) -> None:
    model, x = small(seed).float(), images(seed).float()
    labels = labelled(model, x)
    made = square(model, x, labels, epsilon=8 / 255, queries=40, draws=draws(x))
    assert made.dtype == x.dtype
    assert made.min() >= 0
    assert made.max() <= 1
    assert (to_bytes(made).int() - to_bytes(x).int()).abs().max() == 8
    gained = margins(model, x, labels) - margins(model, made, labels)
    assert (gained >= 0).all()
    assert gained.max() > 0
    more = square(model, x, labels, epsilon=8 / 255, queries=200, draws=draws(x))
    assert margins(model, more, labels).sum() < margins(model, made, labels).sum()


def test_it_is_the_toolboxs_answer_for_the_seed_of_the_first_image() -> None:
    from art.attacks.evasion import SquareAttack
    from art.estimators.classification import PyTorchClassifier

    model, x = small(1).float(), images(1).float()
    labels, seeds = labelled(model, x), draws(x)
    np.random.seed(seeds.seeds("squares")[0] % 2**32)
    victim = PyTorchClassifier(
        model, nn.CrossEntropyLoss(), tuple(x.shape[1:]), CLASSES, clip_values=(0.0, 1.0), device_type="cpu"
    )
    attack = SquareAttack(victim, eps=0.1, max_iter=30, verbose=False)
    theirs = attack.generate(x.numpy(), labels.numpy())
    ours = square(model, x, labels, epsilon=0.1, queries=30, draws=seeds)
    assert np.array_equal(ours.numpy(), theirs)


def test_results_are_reproducible_and_global_states_are_as_before() -> None:
    model, x = small(0).float(), images(0).float()
    labels, how = labelled(model, x), {"epsilon": 0.05, "queries": 20}
    flags = [p.requires_grad for p in model.parameters()]
    np.random.seed(0)
    expected = np.random.rand(3)
    np.random.seed(0)
    first = square(model, x, labels, **how, draws=draws(x))
    assert np.array_equal(np.random.rand(3), expected)
    assert torch.equal(square(model, x, labels, **how, draws=draws(x)), first)
    assert not torch.equal(square(model, x, labels, **how, draws=draws(x, 4)), first)
    assert [p.requires_grad for p in model.parameters()] == flags
    assert not any(module.training for module in model.modules())
    with pytest.raises(LacunaError, match="evaluation mode"):
        square(model.train(), x, labels, **how, draws=draws(x))
