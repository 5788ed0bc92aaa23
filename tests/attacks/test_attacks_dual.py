"""Dual perturbation and l2 PGD: budgets, slow versions of one image at a time, foolbox, and what depends on what."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from victims import draws, images, labelled, small

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.regions import L2, LINF, Region, random_start
from lacuna.attacks.dual import dual, dual_l2
from lacuna.attacks.pgd import pgd
from lacuna.attacks.pgd_l2 import pgd_l2
from lacuna.errors import LacunaError
from lacuna.foreground.score import foreground_score, score_gradient

torch.set_num_threads(1)
ATTACKS = {"linf": dual, "l2": dual_l2}
BUDGETS = {"linf": (0.02, 0.1), "l2": (0.2, 1.5)}


class Brightness(nn.Module):
    """A smooth density that follows brightness: the softmax of the blurred mean over channels."""

    def __init__(self, sharpness: float = 4.0) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(sharpness, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        blurred = F.avg_pool2d(x.mean(1, keepdim=True), 3, 1, 1)[:, 0]
        return (self.sharpness.to(x.dtype) * blurred).flatten(1).softmax(1).view(blurred.shape)


def random_masks(x: Tensor, seed: int) -> Tensor:
    """Foregrounds of every size; the first is empty, the second the whole image."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(len(x), 1, 1, generator=generator)
    masks = torch.rand(len(x), *x.shape[2:], generator=generator) < share
    masks[0], masks[1] = False, True
    return masks


def problem(seed: int, count: int = 6, **size: int) -> tuple[nn.Module, Tensor, Tensor, Tensor]:
    model, x = small(seed, **size), images(seed, count, **size)
    return model, x, labelled(model, x), random_masks(x, seed)


def how(norm: str, **more: Any) -> dict[str, Any]:
    foreground, background = BUDGETS[norm]
    standard = {"epsilon_foreground": foreground, "epsilon_background": background, "weight": 0, "steps": 4}
    return standard | more


def lengths(norm: str, change: Tensor, mask: Tensor) -> Tensor:
    part = (change * mask[:, None]).flatten(1)
    return part.abs().amax(1) if norm == "linf" else part.square().sum(1).sqrt()


# Budgets -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weight", [0, 3.0])
@pytest.mark.parametrize("norm", ATTACKS)
@pytest.mark.parametrize("seed", range(3))
def test_both_budgets_hold_after_clipping(seed: int, norm: str, weight: float, dtype: torch.dtype) -> None:
    shape = {"channels": 1 + seed, "size": 8 + 2 * seed}
    model, x, labels, masks = problem(seed, **shape)
    model, x = model.to(dtype), x.to(dtype)
    step_scale = [0.5, 2.5, 40.0][seed]
    given = how(norm, weight=weight, saliency=Brightness().eval(), step_scale=step_scale, draws=draws(x))
    made = ATTACKS[norm](model, x, labels, foreground=masks, **given)
    assert torch.isfinite(made).all()
    assert 0 <= made.min() <= made.max() <= 1
    allowed = 1 + (1e-5 if dtype == torch.float32 else 1e-13)  # relative; the sum x + change rounds once more
    for mask, epsilon in zip((masks, ~masks), BUDGETS[norm], strict=True):
        length = lengths(norm, made - x, mask)
        assert (length <= epsilon * allowed).all()
        assert length.max() > 0.6 * epsilon, "the budget is used"
    assert (lengths(norm, made - x, masks)[0], lengths(norm, made - x, ~masks)[1]) == (0, 0)


@pytest.mark.parametrize("norm", ATTACKS)
def test_a_budget_of_zero_leaves_its_region_alone(norm: str) -> None:
    model, x, labels, masks = problem(0)
    for zero, region in (("epsilon_foreground", masks), ("epsilon_background", ~masks)):
        made = ATTACKS[norm](model, x, labels, foreground=masks, draws=draws(x), **how(norm, **{zero: 0.0}))
        assert torch.equal(made * region[:, None], x * region[:, None])
        assert not torch.equal(made, x)


@pytest.mark.parametrize("norm", ATTACKS)
def test_a_gradient_of_zero_moves_nothing_and_gives_no_nan(norm: str) -> None:
    model, x, labels, masks = problem(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    made = ATTACKS[norm](model, x, labels, foreground=masks, draws=draws(x), **how(norm))
    regions = [Region(e, 0.0, m[:, None].double()) for e, m in zip(BUDGETS[norm], (masks, ~masks), strict=True)]
    start = random_start(x, regions, {"linf": LINF, "l2": L2}[norm], draws(x), "start 0")
    torch.testing.assert_close(made, start, rtol=0, atol=1e-15)


# Starts --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ATTACKS)
def test_random_starts_fill_each_region_by_itself(norm: str) -> None:
    x = torch.full((400, 3, 8, 8), 0.5, dtype=torch.float64)
    masks = random_masks(x, 1)
    regions = [Region(e, 0.0, m[:, None].double()) for e, m in zip((0.01, 0.2), (masks, ~masks), strict=True)]
    change = random_start(x, regions, {"linf": LINF, "l2": L2}[norm], draws(x), "start 0") - x
    for mask, epsilon in ((masks, 0.01), (~masks, 0.2)):
        length = lengths(norm, change, mask)[mask.any((1, 2))] / epsilon
        assert length.max() <= 1 + 1e-12
        assert length.max() > 0.99
        if norm == "l2":  # uniform between zero and the radius
            assert abs(length.mean() - 0.5) < 0.06
        else:
            inside = change.permute(0, 2, 3, 1)[mask] / epsilon
            assert abs(inside.mean()) < 0.02
            assert inside.square().mean() == pytest.approx(1 / 3, rel=0.02)
    if norm == "l2":
        both = torch.stack([lengths("l2", change, masks) / 0.01, lengths("l2", change, ~masks) / 0.2])[:, 2:]
        assert abs(torch.corrcoef(both)[0, 1]) < 0.2, "each region draws its own length"


# Slow versions -------------------------------------------------------------------------------------------------------


def slow(
    norm: str,
    model: nn.Module,
    x: Tensor,
    label: Tensor,
    start: Tensor,
    regions: list[tuple[Tensor, float]],
    **more: Any,
) -> Tensor:
    """One image, one region after the other, in numpy but for the gradient; ``regions`` are (mask HW, epsilon)."""
    made, steps = start.numpy().copy(), more.get("steps", 4)
    clean = x.numpy()
    for _ in range(steps):
        leaf = torch.tensor(made, requires_grad=True)
        objective = F.cross_entropy(model(leaf[None]), label[None])
        if more.get("weight"):
            objective = objective + more["weight"] * (more["saliency"](leaf[None])[0] * regions[0][0]).sum()
        slope = torch.autograd.grad(objective, leaf)[0].numpy()
        change = np.zeros_like(clean)
        for mask, epsilon in regions:
            step = more.get("step_scale", 2.5) * epsilon / steps
            part, pull = (made - clean) * mask.numpy(), slope * mask.numpy()
            if norm == "linf":
                part = np.clip(part + step * np.sign(pull), -epsilon, epsilon)
            elif mask.any():
                part = part + step * pull / np.linalg.norm(pull)
                part = part * min(1, epsilon / np.linalg.norm(part))
            change += part
        made = np.clip(clean + change, 0, 1)
    return torch.from_numpy(made)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("weight", [0, 2.0])
@pytest.mark.parametrize("norm", ATTACKS)
@pytest.mark.parametrize("seed", range(2))
def test_it_is_the_slow_version_of_one_image_at_a_time(seed: int, norm: str, weight: float, swapped: bool) -> None:
    model, x, labels, masks = problem(seed)
    saliency = Brightness(9.0).eval()
    given = how(norm, weight=weight, saliency=saliency, swapped=swapped, draws=draws(x))
    made = ATTACKS[norm](model, x, labels, foreground=masks, **given)
    inner = masks ^ swapped
    epsilons = BUDGETS[norm]
    regions = [Region(e, 0.0, m[:, None].double()) for e, m in zip(epsilons, (inner, ~inner), strict=True)]
    starts = random_start(x, regions, {"linf": LINF, "l2": L2}[norm], draws(x), "start 0")
    for i in range(len(x)):
        parts = [(inner[i], epsilons[0]), (~inner[i], epsilons[1])]
        one = slow(norm, model, x[i], labels[i], starts[i], parts, weight=weight, saliency=saliency)
        torch.testing.assert_close(made[i], one, rtol=0, atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_at_equal_density_exchanged_regions_have_the_mean_square_that_they_had(seed: int) -> None:
    model, x, labels, masks = problem(seed)
    given = how("l2", swapped=True, equal_density=True, restarts=2, draws=draws(x))
    made = dual_l2(model, x, labels, foreground=masks, **given)
    inside = masks.flatten(1).double().mean(1)
    for i, share in enumerate(inside.tolist()):
        kept = share in (0, 1)
        foreground, background = BUDGETS["l2"]
        small = foreground if kept else foreground * (1 / share - 1) ** 0.5
        large = background if kept else background / (1 / share - 1) ** 0.5
        alone = how("l2", swapped=True, restarts=2, draws=draws(x).part(slice(i, i + 1)))
        alone |= {"epsilon_foreground": small, "epsilon_background": large}
        one = slice(i, i + 1)
        torch.testing.assert_close(
            made[one], dual_l2(model, x[one], labels[one], foreground=masks[one], **alone), rtol=0, atol=1e-10
        )


@pytest.mark.parametrize("step_scale", [0.7, 2.5])
@pytest.mark.parametrize("seed", range(3))
def test_one_region_is_foolboxs_l2_pgd(seed: int, step_scale: float) -> None:
    from foolbox.attacks import L2ProjectedGradientDescentAttack
    from foolbox.models.pytorch import PyTorchModel

    model, x, labels, _ = problem(seed)
    epsilon, steps = 0.8, 12
    start = random_start(x, [Region(epsilon, 0.0)], L2, draws(x), "start 0")
    attack = L2ProjectedGradientDescentAttack(
        abs_stepsize=step_scale * epsilon / steps, steps=steps, random_start=False
    )
    attack.random_start, attack.get_random_start = True, lambda *_: _ep(start)  # type: ignore[method-assign]
    _, theirs, _ = attack(PyTorchModel(model, bounds=(0, 1), device="cpu"), x, labels, epsilons=epsilon)
    given = {"steps": steps, "step_scale": step_scale, "draws": draws(x)}
    ours = pgd_l2(model, x, labels, epsilon_l2=epsilon, **given)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
    full = torch.ones(len(x), *x.shape[2:], dtype=torch.bool)
    budget = {"epsilon_foreground": epsilon, "epsilon_background": 3.0, "weight": 0}
    torch.testing.assert_close(dual_l2(model, x, labels, foreground=full, **budget, **given), ours, rtol=0, atol=1e-9)
    assert not torch.allclose(ours, start)


def _ep(tensor: Tensor) -> Any:
    import eagerpy

    return eagerpy.astensor(tensor)


@pytest.mark.parametrize("seed", range(3))
def test_one_region_is_foolboxs_and_our_own_linf_pgd(seed: int) -> None:
    from foolbox.attacks import LinfProjectedGradientDescentAttack
    from foolbox.models.pytorch import PyTorchModel

    model, x, labels, masks = problem(seed)
    epsilon, steps = 0.05, 9
    full = torch.ones_like(masks)
    start = random_start(x, [Region(epsilon, 0.0, full[:, None].double())], LINF, draws(x), "start 0")
    attack = LinfProjectedGradientDescentAttack(abs_stepsize=2.5 * epsilon / steps, steps=steps, random_start=False)
    attack.random_start, attack.get_random_start = True, lambda *_: _ep(start)  # type: ignore[method-assign]
    _, theirs, _ = attack(PyTorchModel(model, bounds=(0, 1), device="cpu"), x, labels, epsilons=epsilon)
    given = {"epsilon_background": 0.3, "weight": 0, "steps": steps, "draws": draws(x)}
    ours = dual(model, x, labels, epsilon_foreground=epsilon, foreground=full, **given)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_equal_budgets_are_pgd_whatever_the_mask() -> None:
    model, x, labels, masks = problem(4)
    given = {"epsilon_foreground": 0.05, "epsilon_background": 0.05, "weight": 0, "steps": 5}

    class Centre(Draws):
        """Starts at the clean image."""

        def uniform(self, name: str, like: Tensor) -> Tensor:
            return torch.full_like(like, 0.5)

    made = dual(model, x, labels, foreground=masks, draws=Centre(0, tuple(range(6))), **given)
    expected = pgd(model, x, labels, epsilon=0.05, step=2.5 * 0.05 / 5, steps=5)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-12)


# The salience term ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_the_scores_gradient_is_that_of_finite_differences(seed: int) -> None:
    x, saliency = images(seed, 3), Brightness(6.0).eval()
    masks = random_masks(x, seed)
    gradient, small_step = score_gradient(saliency, x, masks), 1e-6
    for index in np.random.default_rng(seed).integers(0, gradient[0].numel(), 12):
        shift = torch.zeros_like(x[0]).flatten()
        shift[int(index)] = small_step
        above = foreground_score(saliency(x + shift.view(x[0].shape)), masks)
        below = foreground_score(saliency(x - shift.view(x[0].shape)), masks)
        expected = (above - below) / (2 * small_step)
        torch.testing.assert_close(gradient.flatten(1)[:, int(index)], expected.detach(), rtol=1e-5, atol=1e-9)
    assert gradient[2].abs().max() > 0


def test_scores_are_shares_of_the_foreground() -> None:
    x = images(3, 8)
    density, masks = Brightness()(x).detach(), random_masks(x, 3)
    score = foreground_score(density, masks)
    expected = [sum(float(density[i, r, c]) for r, c in masks[i].nonzero().tolist()) for i in range(8)]
    torch.testing.assert_close(score, torch.tensor(expected, dtype=score.dtype))
    torch.testing.assert_close(score + foreground_score(density, ~masks), torch.ones_like(score))
    assert score[0] == 0


@pytest.mark.parametrize("norm", ATTACKS)
def test_a_larger_weight_does_not_lower_the_mean_foreground_score(norm: str) -> None:
    model, x, labels, masks = problem(1, 40)
    saliency = Brightness(9.0).eval()
    means = []
    for weight in (0, 1, 10, 100, 10000):
        given = how(norm, weight=weight, saliency=saliency, draws=draws(x), steps=20)
        made = ATTACKS[norm](model, x, labels, foreground=masks, **given)
        means.append(foreground_score(saliency(made), masks).mean().item())
    assert all(later >= earlier - 1e-4 for earlier, later in pairwise(means)), means
    assert means[-1] > means[0] + 0.005


def test_a_weight_needs_a_saliency_model_and_both_models_in_evaluation_mode() -> None:
    model, x, labels, masks = problem(0)
    with pytest.raises(LacunaError, match="needs a saliency model"):
        dual(model, x, labels, foreground=masks, **how("linf", weight=1))
    saliency = Brightness()
    with pytest.raises(LacunaError, match="evaluation mode"):
        dual(model, x, labels, foreground=masks, saliency=saliency.train(), **how("linf", weight=1))
    with pytest.raises(LacunaError, match="evaluation mode"):
        dual_l2(model.train(), x, labels, foreground=masks, **how("l2"))
    with pytest.raises(LacunaError, match="evaluation mode"):
        pgd_l2(model, x, labels, epsilon_l2=1.0, steps=2)
    model.eval()
    for bad in (x + 0.1, x * torch.nan):
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            dual(model, bad, labels, foreground=masks, **how("linf"))
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            pgd_l2(model, bad, labels, epsilon_l2=1.0, steps=2)
    given = how("linf", weight=1, saliency=saliency.eval(), draws=draws(x))
    dual(model, x, labels, foreground=masks, **given)
    trained = [*model.parameters(), saliency.sharpness]
    assert all(parameter.requires_grad and parameter.grad is None for parameter in trained)
