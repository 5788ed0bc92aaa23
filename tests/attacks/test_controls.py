"""Controls of AdvDrop, and attacks that stop at their first success or never."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from victims import CLASSES, draws, labelled, small

from lacuna.attacks.advdrop import advdrop, as_images, coefficients
from lacuna.attacks.core.grid import answers
from lacuna.attacks.core.margins import margins
from lacuna.attacks.pgd import pgd
from lacuna.numerics.images import to_bytes

torch.set_num_threads(1)
HOW: dict[str, Any] = {"variant": "released_code", "bound": 120.0, "steps": 8}


def case(seed: int, count: int = 9, size: int = 16) -> tuple[nn.Module, Tensor, Tensor]:
    """A network, images and the labels that it gives them."""
    x = torch.rand(count, 2, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    model = small(seed, 2, size)
    return model, x, labelled(model, x)


def rounded(x: Tensor, table: Tensor | float) -> Tensor:
    """Images after their block coefficients are divided by a table, rounded and multiplied again."""
    c = coefficients(x)
    return as_images((c / table).round() * table, (x.shape[-2], x.shape[-1])).clamp(0, 1)


@pytest.mark.parametrize("seed", range(3))
def test_uniform_tables_round_every_coefficient_to_multiples_of_the_bound(seed: int) -> None:
    model, x, labels = case(seed)
    how = HOW | {"bound": 20.0 + 40 * seed, "steps": 1, "tables": "uniform"}
    made = advdrop(model, x, labels, **how, draws=draws(x))
    assert torch.allclose(made.images, rounded(x, how["bound"]), atol=1e-12)
    assert (made.extras["relaxed"] == -1).all()
    assert torch.equal(made.extras["hard"], labelled(model, made.images))


@pytest.mark.parametrize("seed", range(3))
def test_mean_tables_are_those_that_the_search_ends_with_averaged_in_each_image(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lacuna.attacks import advdrop as module

    seen: list[Tensor] = []
    plain = module.learn_tables
    monkeypatch.setattr(module, "learn_tables", lambda *a, **k: seen.append(found := plain(*a, **k)) or found)
    model, x, labels = case(seed)
    made = advdrop(model, x, labels, **HOW, tables="mean", draws=draws(x))
    for i in range(len(x)):
        assert torch.allclose(made.images[i], rounded(x[i : i + 1], seen[0].tables[i].mean())[0], atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_permuted_tables_are_the_learned_ones_in_other_blocks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from lacuna.attacks import advdrop as module

    used: list[Tensor] = []
    plain = module.quantise_hard
    monkeypatch.setattr(module, "quantise_hard", lambda c, q, size: used.append(q.clone()) or plain(c, q, size))
    model, x, labels = case(seed, size=32)
    for tables in ("learned", "permuted"):
        advdrop(model, x, labels, **HOW, tables=tables, draws=draws(x))
    learned, permuted = (each.flatten(2, 3).transpose(1, 2).flatten(2) for each in used)  # (B, blocks, all channels)
    assert not torch.equal(learned, permuted)
    for before, after in zip(learned.tolist(), permuted.tolist(), strict=True):
        assert sorted(before) == sorted(after), "all channels of a block move together"


def test_permutations_depend_on_the_image_and_the_set_alone() -> None:
    model, x, labels = case(1, size=32)
    how = HOW | {"tables": "permuted"}
    whole = advdrop(model, x, labels, **how, draws=draws(x)).images
    part = draws(x).part(slice(4, 7))
    assert torch.allclose(advdrop(model, x[4:7], labels[4:7], **how, draws=part).images, whole[4:7], atol=1e-9)
    assert not torch.allclose(advdrop(model, x, labels, **how, draws=draws(x, 8)).images, whole, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_the_least_likely_class_is_that_of_the_clean_image_and_never_the_label(seed: int) -> None:
    model, x, _ = case(seed)
    least = model(x).argmin(1)
    for labels in (labelled(model, x), least):  # the label may be the least likely class
        made = advdrop(model, x, labels, **HOW, targeted=True, aim="least_likely", draws=draws(x))
        wanted = made.extras["wanted"]
        assert (wanted != labels).all()
        assert torch.equal(wanted[least != labels], least[least != labels])
    second = model(x).scatter(1, least[:, None], torch.inf).argmin(1)
    assert torch.equal(wanted, second)


def test_without_a_success_that_ends_it_every_image_takes_all_steps() -> None:
    model, x, labels = case(2)
    ends = advdrop(model, x, labels, **HOW, success="never", draws=draws(x))
    wrong = (labels + 1) % CLASSES  # which succeeds at once, and stops at the first step where success counts
    stopped = advdrop(model, x, wrong, **HOW, draws=draws(x))
    more = advdrop(model, x, wrong, **HOW, success="never", draws=draws(x))
    assert not torch.allclose(stopped.images, more.images)
    alone = [
        advdrop(model, x[i : i + 1], labels[i : i + 1], **HOW, success="never", draws=draws(x).part(slice(i, i + 1)))
        for i in range(len(x))
    ]
    assert torch.allclose(torch.cat([one.images for one in alone]), ends.images, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_pgd_that_stops_ends_at_the_first_8_bit_image_that_fools(seed: int) -> None:
    model, x, labels = case(seed)
    labels[0] = (labels[0] + 1) % CLASSES  # wrong from the start: one step all the same, as in the ascent
    how = {"epsilon": 0.1, "step": 0.02}
    steps = [pgd(model, x, labels, **how, steps=n) for n in range(1, 11)]
    fooled = torch.stack([labelled(model, to_bytes(each).double() / 255) != labels for each in steps])
    first = torch.where(fooled.any(0), fooled.int().argmax(0), len(steps) - 1)
    made = pgd(model, x, labels, **how, steps=10, until_fooled=True)
    for i, place in enumerate(first.tolist()):
        assert torch.allclose(made[i], steps[place][i], atol=1e-12), i


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_answers_are_classes_and_margins_of_8_bit_images(batch: int) -> None:
    model, x, labels = case(3)
    model, said = model.float(), []
    classes, found, _ = answers(model, to_bytes(x), labels, batch, said.append)
    pixels = to_bytes(x).float() / 255
    assert torch.equal(classes, labelled(model, pixels))
    assert torch.allclose(found, margins(model, pixels, labels), atol=1e-5)
    assert torch.equal(found >= 0, classes == labels)


def test_draws_that_all_attacks_share_differ_between_runs_alone() -> None:
    x = torch.zeros(3, 1)
    one, other = draws(x, 1), draws(x, 2)
    assert one.alike().seeds("target") == other.alike().seeds("target")
    assert one.seeds("target") != other.seeds("target")
    assert replace(one, shared=9).alike().seeds("target") != one.alike().seeds("target")
