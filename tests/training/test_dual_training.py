"""Adversarial training with dual perturbation: budgets in training mode, masks of the images, noise, Adam."""

import copy
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from test_adversarial_training import NoWaiting, batch, network
from test_training import KilledError, Killer, problem, recipe
from test_training import network as small_network
from torch import Tensor
from varying import augment, augment_both

from lacuna.files.states import Resumable
from lacuna.training import optimiser
from lacuna.training.adversarial import perturbation, random_regions
from lacuna.training.loop import train
from lacuna.training.objective import Objective

torch.set_num_threads(1)
DUAL = {"method": "dual", "epsilon_foreground": "4/255", "epsilon_background": "20/255", "weight": 0, "steps": 3}
DUAL_L2 = DUAL | {"method": "dual_l2", "epsilon_foreground": 0.2, "epsilon_background": 1.5}
PGD_L2 = {"method": "pgd_l2", "epsilon_l2": 0.5, "steps": 3}
ATTACKS: dict[str, dict[str, Any]] = {
    "dual": DUAL,
    "dual_l2": DUAL_L2,
    "random": DUAL_L2 | {"masks": "random"},
    "pgd_l2": PGD_L2,
}


def foregrounds(x: Tensor, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand(len(x), *x.shape[2:], generator=generator) < torch.rand(len(x), 1, 1, generator=generator)
    masks[0], masks[1] = False, True
    return masks


def obvious(attack: dict[str, Any], model: Any, x: Tensor, labels: Tensor, masks: Tensor) -> Tensor:
    """The l2 attacks on a copy of the model in training mode, with the starts that torch's generator gives."""
    model, steps = copy.deepcopy(model), attack["steps"]
    whole = torch.ones_like(masks)
    regions = [(masks, attack.get("epsilon_foreground")), (~masks, attack.get("epsilon_background"))]
    regions = [(whole, attack["epsilon_l2"])] if "epsilon_l2" in attack else regions
    change = torch.zeros_like(x)
    for mask, epsilon in regions:
        direction, length = torch.randn_like(x) * mask[:, None], torch.rand(len(x), 1, 1, 1, dtype=x.dtype)
        change += epsilon * length * direction / direction.flatten(1).norm(dim=1).clamp(min=1e-12).view(-1, 1, 1, 1)
    made = (x + change).clamp(0, 1)
    for _ in range(steps):
        leaf = made.detach().clone().requires_grad_()
        F.cross_entropy(model(leaf), labels).backward()
        moved = x.clone()
        for mask, epsilon in regions:
            for i in range(len(x)):
                pull, part = leaf.grad[i] * mask[i], (made[i] - x[i]) * mask[i]
                if mask[i].any():
                    part = part + 2.5 * epsilon / steps * pull / pull.norm()
                    moved[i] += part * min(1.0, float(epsilon / part.norm()))
        made = moved.clamp(0, 1)
    return made


@pytest.mark.parametrize("name", ["dual_l2", "pgd_l2"])
@pytest.mark.parametrize("seed", range(2))
def test_the_inner_loop_is_the_attack_on_the_network_in_training_mode(seed: int, name: str) -> None:
    model, (x, labels) = network("at", seed=seed), batch(seed=seed)
    masks = foregrounds(x, seed)
    torch.manual_seed(seed)
    ours = perturbation(ATTACKS[name])(model, x, labels, masks)
    torch.manual_seed(seed)
    torch.testing.assert_close(ours, obvious(ATTACKS[name], model, x, labels, masks), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ATTACKS)
def test_budgets_hold_and_nothing_of_the_network_changes(name: str) -> None:
    model, (x, labels) = network("at"), batch()
    masks, attack = foregrounds(x), ATTACKS[name]
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    torch.manual_seed(1)
    with NoWaiting():
        made = perturbation(attack)(model, x, labels, masks)
    torch.manual_seed(1)
    inside = random_regions(masks) if name == "random" else masks
    epsilons = (4 / 255, 20 / 255) if name == "dual" else (0.2, 1.5)
    for region, epsilon in zip((inside, ~inside), epsilons, strict=True):
        part = ((made - x) * region[:, None]).flatten(1)
        length = part.abs().amax(1) if name == "dual" else part.norm(dim=1)
        if name != "pgd_l2":
            assert (length <= epsilon * (1 + 1e-9)).all()
    if name == "pgd_l2":
        assert ((made - x).flatten(1).norm(dim=1) <= 0.5 * (1 + 1e-9)).all()
    assert not torch.equal(made, x)
    assert not made.requires_grad
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ATTACKS)
def test_a_step_on_cuda_is_deterministic_and_never_waits(name: str) -> None:
    from lacuna.numerics.device import prepare_torch

    assert prepare_torch(1) == "cuda"
    x, labels = (tensor.cuda() for tensor in batch())
    masks, made = foregrounds(x.cpu()).cuda(), []
    for _ in range(3):
        model = network("at").cuda()
        torch.manual_seed(1)
        if made:  # the first call loads libraries
            torch.cuda.set_sync_debug_mode("error")
        try:
            made.append(perturbation(ATTACKS[name])(model, x, labels, masks))
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(made[1], made[2])


def test_random_regions_have_the_same_areas_and_are_new_each_time() -> None:
    masks = torch.rand(64, 28, 28, generator=torch.Generator().manual_seed(0)) < torch.linspace(0, 1, 64).view(-1, 1, 1)
    masks[0], masks[-1] = False, True
    torch.manual_seed(3)
    first, second = random_regions(masks), random_regions(masks)
    for drawn in (first, second):
        assert torch.equal(drawn.sum((1, 2)), masks.sum((1, 2)))
        half = masks.double().mean((1, 2)).sub(0.5).abs() < 0.3
        neighbours = (drawn[half][:, :, 1:] == drawn[half][:, :, :-1]).double().mean()
        assert neighbours > 0.85, "patches, not salt and pepper"
        both = (drawn & masks).sum((1, 2)).double() / (28 * 28)
        share = masks.double().mean((1, 2))
        assert (both - share.square())[half].mean().abs() < 0.02, "no relation to the foreground"
    assert (first != second).any((1, 2))[2:-2].all()
    torch.manual_seed(3)
    assert torch.equal(random_regions(masks), first)
    with NoWaiting():
        random_regions(masks)


# Masks follow their images ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pad", "flip"), [*product([0, 2], [False, True])])
def test_masks_are_cropped_and_flipped_with_their_images(pad: int, flip: bool) -> None:
    how = {"augmentation": {"pad": pad, "flip": flip}}
    images = torch.randint(1, 256, (40, 3, 9, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    masks = foregrounds(images)
    images[:, 0] = torch.where(masks, 200, 100).to(torch.uint8)  # the mask can be read off the image
    made, followed = augment_both(images, masks, how, torch.Generator().manual_seed(5))
    assert followed is not None
    assert followed.dtype == torch.bool
    assert torch.equal(followed, made[:, 0] == 200)
    alone, nothing = augment_both(images, None, how, torch.Generator().manual_seed(5))
    assert nothing is None
    assert torch.equal(alone, made)
    assert torch.equal(alone, augment(images, how, torch.Generator().manual_seed(5)))


def test_training_gives_each_step_the_masks_of_its_images_and_what_lies_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = problem()
    images[:, 0] = torch.where(masks := foregrounds(images), 200, 100).to(torch.uint8)
    images[:, 0, :, :] = images[:, 0]
    seen, real = [], Objective.__call__

    def watched(self: Objective, model: Any, x: Tensor, truth: Tensor, inside: Tensor, progress: float) -> Any:
        assert torch.equal(inside, (x[:, 0] * 255).round() == 200)
        assert progress == pytest.approx(sum(seen) / (2 * len(images)))
        seen.append(len(x))
        return real(self, model, x, truth, inside, progress)

    monkeypatch.setattr(Objective, "__call__", watched)
    model = small_network("vgg19-standard-s0")
    how = {"name": "net", "seed": 0, "state": Resumable(tmp_path / "s", "d"), "say": lambda _: None}
    train(model, images, labels, recipe(epochs=2), masks=masks, training={"attack": DUAL_L2}, **how)
    assert sum(seen) == 2 * len(images)


# Noise, Adam ----------------------------------------------------------------------------------------------------------


def test_gaussian_noise_is_added_last_and_not_clipped() -> None:
    model, (x, labels) = network("at"), batch()
    torch.manual_seed(4)
    _, logits = Objective({"gaussian": 0.5})(copy.deepcopy(model), x, labels)
    torch.manual_seed(4)
    noisy = x + 0.5 * torch.randn_like(x)
    assert noisy.min() < 0
    assert torch.equal(logits, copy.deepcopy(model)(noisy))
    torch.manual_seed(4)
    both = Objective({"gaussian": 0.5, "attack": PGD_L2})(copy.deepcopy(model), x, labels)[1]
    torch.manual_seed(4)
    attacked = perturbation(PGD_L2)(model, x, labels)
    assert torch.equal(both, copy.deepcopy(model)(attacked + 0.5 * torch.randn_like(x)))
    assert not torch.equal(both, logits)


def adam(**changes: Any) -> dict[str, Any]:
    plain = recipe(optimiser="adam", learning_rate=0.002, **changes)
    return {key: value for key, value in plain.items() if key not in ("momentum", "nesterov")}


def finished(path: Path, say: Any, **how: Any) -> dict[str, Tensor]:
    model, (images, labels) = small_network("dropping"), problem()
    state = Resumable(path, "d")
    train(model, images, labels, adam(**how), name="net", seed=0, state=state, say=say)
    return model.state_dict()


@pytest.mark.parametrize("mark", ["epoch 1", "epoch 3"])
def test_adam_killed_and_resumed_ends_with_the_same_bytes(tmp_path: Path, mark: str) -> None:
    whole = finished(tmp_path / "whole", lambda _: None)
    with pytest.raises(KilledError):
        finished(tmp_path / "killed", Killer(mark))
    resumed = finished(tmp_path / "killed", lambda _: None)
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_adam_is_torchs_with_its_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    real = optimiser.adam

    def watched(*given: Any, **how: Any) -> None:
        asked.append(how)
        real(*given, **how)

    monkeypatch.setattr(optimiser, "adam", watched)
    finished(tmp_path / "state", lambda _: None, weight_decay=0.01)
    for how in asked:
        betas = how["beta1"], how["beta2"]
        assert (betas, how["eps"], how["weight_decay"], how["amsgrad"]) == ((0.9, 0.999), 1e-8, 0.01, False)
    assert asked
