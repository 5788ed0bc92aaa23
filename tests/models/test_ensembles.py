"""Ensembles: logits, gradients and folding are those of the members."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from members import CLASSES, IMAGE, NAMES, WIDTH, member
from torch import nn

from lacuna.attacks.core.folding import fold_batch_norm
from lacuna.attacks.core.victim import input_gradient
from lacuna.attacks.pgd import pgd
from lacuna.files.artefacts import Record, write_tensors
from lacuna.models.networks import Ensemble, trained_network

torch.set_num_threads(1)


def batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(4, *IMAGE, generator=generator), torch.randint(0, CLASSES, (4,), generator=generator)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_logits_are_the_mean_and_the_gradient_follows_from_it(count: int) -> None:
    members = [member(name).double() for name in NAMES[:count]]
    ensemble, (x, labels) = Ensemble(members).eval(), batch(count)
    x = x.double()
    leaf = x.clone().requires_grad_()
    logits = sum(model(leaf) for model in members) / count
    torch.testing.assert_close(ensemble(x), logits.detach(), rtol=1e-12, atol=1e-12)
    # d CE(mean of logits) / dx by the chain rule: (softmax - one-hot) / count through each member
    pull = (logits.softmax(1) - F.one_hot(labels, CLASSES)).detach() / count
    expected = torch.zeros_like(x)
    for model in members:
        expected += torch.autograd.grad(model(leaf), leaf, pull)[0]
    torch.testing.assert_close(input_gradient(ensemble, x, labels), expected, rtol=1e-9, atol=1e-12)
    assert expected.any()


def test_folding_folds_every_member() -> None:
    ensemble, (x, labels) = Ensemble(member(name).double() for name in NAMES).eval(), batch(0)
    fast = fold_batch_norm(ensemble)
    torch.testing.assert_close(fast(x.double()), ensemble(x.double()), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        input_gradient(fast, x.double(), labels), input_gradient(ensemble, x.double(), labels), rtol=1e-8, atol=1e-10
    )
    for before, after in zip(ensemble.members, fast.members, strict=True):
        norms = [sum(type(m) is nn.BatchNorm2d for m in model.modules()) for model in (before, after)]
        assert norms[1] < norms[0]


def test_all_members_are_frozen_while_an_ensemble_is_attacked() -> None:
    ensemble, (x, labels) = Ensemble(member(name) for name in NAMES).eval(), batch(1)
    made = pgd(ensemble, x, labels, epsilon=0.1, step=0.05, steps=3)
    assert (made - x).abs().max() > 0.09
    assert all(p.requires_grad and p.grad is None for p in ensemble.parameters())


def test_an_ensemble_is_read_from_its_members_checkpoints(tmp_path: Path) -> None:
    members, paths, settings = [member(name) for name in NAMES], [], []
    for name, model in zip(NAMES, members, strict=True):
        paths.append(str(tmp_path / f"{name}.safetensors"))
        write_tensors(paths[-1], model.state_dict(), Record("train", "{}"))
        network = {"model": name, "image": IMAGE, "classes": CLASSES, "width": WIDTH}
        settings.append(network | {"mask_place": "released_code", "seed": 0})
    read = trained_network({"model": "ensemble-three", "members": settings}, paths, "cpu")
    x = batch(2)[0]
    assert isinstance(read, Ensemble)
    assert not any(module.training for module in read.modules())
    assert torch.equal(read(x), Ensemble(members).eval()(x))
    with pytest.raises(ValueError, match="zip"):
        trained_network({"model": "ensemble-three", "members": settings}, paths[:2], "cpu")
