"""How dual perturbation and l2 PGD search: restarts, noise, sizes that budgets are stated for, batches."""

from math import sqrt
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from test_attacks_dual import ATTACKS, Brightness, how, problem
from torch.utils._python_dispatch import TorchDispatchMode
from victims import draws

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.regions import L2, Region, random_start
from lacuna.attacks.core.search import length_for
from lacuna.attacks.dual import dual_l2
from lacuna.attacks.pgd_l2 import pgd_l2
from lacuna.foreground.score import foreground_score

torch.set_num_threads(1)


def test_of_several_restarts_each_image_keeps_its_first_success_or_else_the_highest_objective() -> None:
    model, x, labels, masks = problem(2, 30)
    saliency, weight, restarts = Brightness(9.0).eval(), 300.0, 4
    given = how("l2", weight=weight, saliency=saliency, steps=3, epsilon_background=0.9)
    made = dual_l2(model, x, labels, foreground=masks, draws=draws(x), restarts=restarts, **given)

    class Later(Draws):
        """The draws of one restart under the name of the first."""

        chosen = 0

        def generators(self, name: str) -> list[torch.Generator]:
            return super().generators(name.replace("start 0", f"start {self.chosen}", 1))

    runs, values, fooled = [], [], []
    for restart in range(restarts):
        seeds = Later(3, draws(x).images)
        object.__setattr__(seeds, "chosen", restart)
        runs.append(dual_l2(model, x, labels, foreground=masks, draws=seeds, **given))
        with torch.no_grad():
            logits = model(runs[-1])
            loss = F.cross_entropy(logits, labels, reduction="none")
            value = loss + weight * foreground_score(saliency(runs[-1]), masks)
            values.append(value)
            fooled.append(logits.argmax(1) != labels)
    success = torch.stack(fooled)
    assert 0 < success.any(0).sum() < len(x)
    best = torch.where(success.any(0), success.int().argmax(0), torch.stack(values).argmax(0))
    assert len(best.unique()) > 2
    assert (best != torch.stack(values).argmax(0)).any(), "of two successes the first is kept"
    expected = torch.stack([runs[int(k)][i] for i, k in enumerate(best)])
    assert torch.equal(made, expected)


@pytest.mark.parametrize("norm", ATTACKS)
def test_nothing_depends_on_the_batch(norm: str) -> None:
    model, x, labels, masks = problem(1, 7)
    seeds, saliency = draws(x), Brightness(9.0).eval()
    given = how(norm, weight=2.0, saliency=saliency, restarts=2, noise=0.1, samples=2)
    whole = ATTACKS[norm](model, x, labels, foreground=masks, draws=seeds, **given)
    for size in (1, 3):
        places = [slice(i, i + size) for i in range(0, len(x), size)]
        parts = [
            ATTACKS[norm](model, x[p], labels[p], foreground=masks[p], draws=seeds.part(p), **given) for p in places
        ]
        torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-12)
    other = ATTACKS[norm](model, x, labels, foreground=masks, draws=draws(x, 9), **given)
    assert not torch.allclose(other, whole)


def test_noise_is_averaged_over_samples_and_added_to_the_salience_term() -> None:
    model, x, labels, _ = problem(0, 3)
    full, saliency = torch.ones(3, *x.shape[2:], dtype=torch.bool), Brightness(9.0).eval()
    full[:, 0] = False
    epsilon, sigma, samples, weight = 0.7, 0.25, 5, 20.0
    budget = {"epsilon_foreground": epsilon, "epsilon_background": 0.0, "weight": weight, "saliency": saliency}
    given = {"steps": 2, "noise": sigma, "samples": samples, "draws": draws(x), "foreground": full}
    made = dual_l2(model, x, labels, **budget, **given)
    expected = random_start(x, [Region(epsilon, 0.0, full[:, None].double())], L2, draws(x), "start 0")
    generators = draws(x).generators("noise 0")
    for _ in range(2):
        leaf, loss = expected.clone().requires_grad_(), torch.zeros(())
        for _ in range(samples):
            drawn = torch.stack([torch.randn(x.shape[1:], generator=g, dtype=x.dtype) for g in generators])
            loss = loss + F.cross_entropy(model(leaf + sigma * drawn), labels, reduction="sum") / samples
        objective = loss + weight * foreground_score(saliency(leaf), full).sum()
        slope = torch.autograd.grad(objective, leaf)[0] * full[:, None]
        unit = slope / slope.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        change = expected - x + 2.5 * epsilon / 2 * unit
        change *= (epsilon / change.flatten(1).norm(dim=1)).clamp(max=1).view(-1, 1, 1, 1)
        expected = (x + change).clamp(0, 1)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-10)


def test_a_reference_size_scales_l2_budgets_with_the_square_root_of_the_values() -> None:
    model, x, labels, masks = problem(1)
    values = x[0].numel()
    assert length_for(20, x, 150528) == pytest.approx(20 * sqrt(values / 150528))
    assert length_for(3, x, None) == 3
    given = {"steps": 3, "draws": draws(x)}
    stated = pgd_l2(model, x, labels, epsilon_l2=2, reference=4 * values, **given)
    assert torch.equal(stated, pgd_l2(model, x, labels, epsilon_l2=1, **given))
    budget = {"epsilon_foreground": 0.4, "epsilon_background": 2.0, "weight": 0, **given}
    half = budget | {"epsilon_foreground": 0.2, "epsilon_background": 1.0}
    stated = dual_l2(model, x, labels, foreground=masks, reference=4 * values, **budget)
    assert torch.equal(stated, dual_l2(model, x, labels, foreground=masks, **half))


def test_without_draws_starts_and_noise_come_from_torchs_generator() -> None:
    model, x, labels, masks = problem(0)
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(dual_l2(model, x, labels, foreground=masks, **how("l2", noise=0.1, samples=2)))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


class NoWaiting(TorchDispatchMode):
    """Counts operations that make the host wait for the device."""

    waits = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        waiting = {"_local_scalar_dense", "item", "nonzero", "masked_select", "unique", "is_nonzero"}
        self.waits += func.overloadpacket.__name__ in waiting
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("norm", ATTACKS)
def test_steps_never_wait_for_the_device(norm: str) -> None:
    model, x, labels, masks = problem(0)
    saliency, counts = Brightness().eval(), []
    for steps in (1, 20):
        given = how(norm, steps=steps, weight=1, saliency=saliency, restarts=2, draws=draws(x))
        with NoWaiting() as mode:
            ATTACKS[norm](model, x, labels, foreground=masks, **given)
        counts.append(mode.waits)
    assert counts[0] == counts[1]
