"""AdvDrop: against the algorithm done literally, its rounding and derivatives, and what holds on any images."""

import math
from dataclasses import replace
from typing import Any

import literal_advdrop
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from victims import CLASSES, draws, images, labelled, small

from lacuna.attacks import advdrop as module
from lacuna.attacks.advdrop import advdrop, as_images, quantise, soft_round
from lacuna.attacks.core.dct import block_dct
from lacuna.attacks.core.draws import AttackResult, Draws
from lacuna.errors import LacunaError
from lacuna.numerics.images import to_bytes

torch.set_num_threads(1)
PAPER, CODE = {"variant": "paper", "bound": 20}, {"variant": "released_code", "bound": 60}
VARIANTS = [PAPER, CODE, PAPER | {"targeted": True}, CODE | {"targeted": True}]


def smooth_images(seed: int, count: int = 6, channels: int = 2, size: int = 16) -> Tensor:
    """Images with most energy at low frequencies, as photographs have, float64 in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, channels, 4, 4, generator=generator, dtype=torch.float64)
    smooth = F.interpolate(coarse, (size, size), mode="bicubic") * 0.25 + 0.5
    return (smooth + 0.02 * torch.randn(smooth.shape, generator=generator, dtype=torch.float64)).clamp_(0, 1)


def case(seed: int, channels: int = 2, size: int = 16) -> tuple[nn.Module, Tensor, Tensor]:
    """A network, images and the labels it gives, but one of them wrong."""
    model, x = small(seed, channels, size), smooth_images(seed, channels=channels, size=size)
    labels = labelled(model, x)
    labels[1] = (labels[1] + 1) % CLASSES
    return model, x, labels


def start_and_box(how: dict[str, Any]) -> dict[str, Any]:
    bound = float(how["bound"])
    return (
        {"start": 1.0, "box": (1.0, 1 + bound)} if how["variant"] == "paper" else {"start": bound, "box": (5.0, bound)}
    )


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The tables that each call of `advdrop` ends with."""
    seen: list[Tensor] = []
    plain = module.quantise_hard

    def noted(coefficients: Tensor, q: Tensor, size: tuple[int, int]) -> Tensor:
        seen.append(q.clone())
        return plain(coefficients, q, size)

    monkeypatch.setattr(module, "quantise_hard", noted)
    return seen


@pytest.mark.parametrize(("rounding", "success"), [("soft", "relaxed"), ("hard", "relaxed"), ("soft", "eight_bit")])
@pytest.mark.parametrize("how", VARIANTS)
@pytest.mark.parametrize("seed", range(3))
def test_each_image_is_what_the_literal_algorithm_makes_of_it_alone(
    seed: int, how: dict[str, Any], rounding: str, success: str, tables: list[Tensor]
) -> None:
    model, x, labels = case(seed, channels=1 + seed % 3)
    step = (1.0, 3.0, 0.5)[seed]
    ours = how | {"steps": 12, "table_step": step, "rounding": rounding, "success": success}
    made = advdrop(model, x, labels, **ours, draws=draws(x))
    passes = set()
    for i in range(len(x)):
        wanted = made.extras["wanted"][i : i + 1] if "targeted" in how else None
        arguments = start_and_box(how) | {"steps": 12, "wanted": wanted, "step": step, "hard": rounding == "hard"}
        arguments |= {"eight_bit": success == "eight_bit"}
        image, q, count = literal_advdrop.attack(model, x[i : i + 1], labels[i : i + 1], **arguments)
        torch.testing.assert_close(made.images[i : i + 1], image.clamp(0, 1), rtol=0, atol=1e-9)
        torch.testing.assert_close(tables[0][i].flatten(1, 2), q[:, 0], rtol=0, atol=1e-9)
        assert made.extras["relaxed"][i] == labelled(model, image)
        passes.add(count)
    assert len(passes) > 1 or rounding == "hard" or "targeted" in how


@pytest.mark.parametrize("alpha", [0.5, 0.1, 0.002, 1e-6])
def test_the_soft_round_is_exact_at_integers_and_half_way_and_grows_between(alpha: float) -> None:
    whole = torch.arange(-5, 6, dtype=torch.float64)
    torch.testing.assert_close(soft_round(whole, alpha)[0], whole, rtol=0, atol=1e-9)
    torch.testing.assert_close(soft_round(whole + 0.5, alpha)[0], whole + 0.5, rtol=0, atol=1e-9)
    values, slopes = soft_round(torch.linspace(-3, 3, 4001, dtype=torch.float64), alpha)
    assert (values.diff() >= -1e-12).all()
    assert (slopes >= 0).all()
    assert (values - torch.linspace(-3, 3, 4001, dtype=torch.float64)).abs().max() <= 0.5
    u = torch.rand(100, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 8 - 4
    torch.testing.assert_close(values := soft_round(u, alpha)[0], literal_advdrop.soft(u, alpha), rtol=0, atol=1e-12)
    k, away = math.log(2 / alpha - 1), (u - u.floor() - 0.5).abs() > 0.1
    assert (values - u.round())[away].abs().max() <= math.exp(-2 * k * 0.1) + alpha


def test_the_soft_round_becomes_hard_rounding_in_the_limit() -> None:
    u = torch.rand(5000, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 40 - 20
    u = u[(u - u.floor() - 0.5).abs() > 0.05]
    errors = [(soft_round(u, 10.0**-n)[0] - u.round()).abs().max().item() for n in (1, 4, 16, 64, 256)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-9
    coefficients, q = u * 7, torch.full_like(u, 7)
    soft, hard = (quantise(coefficients, q, alpha) for alpha in (1e-256, None))
    for first, second in zip(soft, hard, strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.1, 0.01, 0.0002])
@pytest.mark.parametrize("seed", range(3))
def test_derivatives_are_those_of_finite_differences(seed: int, alpha: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    c = torch.randn(400, generator=generator, dtype=torch.float64) * 200
    q = 1 + 60 * torch.rand(400, generator=generator, dtype=torch.float64)
    h, u = 1e-6, c / q
    inside = (u - u.round()).abs() > 1e-3  # the stand-in has kinks at integers
    assert inside.sum() > 350
    numeric = (soft_round(u + h, alpha)[0] - soft_round(u - h, alpha)[0]) / (2 * h)
    torch.testing.assert_close(soft_round(u, alpha)[1][inside], numeric[inside], rtol=1e-4, atol=1e-6)
    numeric = (quantise(c, q + h, alpha)[0] - quantise(c, q - h, alpha)[0]) / (2 * h)
    torch.testing.assert_close(quantise(c, q, alpha)[1][inside], numeric[inside], rtol=1e-4, atol=1e-4)
    away = (u - u.floor() - 0.5).abs() > 1e-3
    numeric = (quantise(c, q + h, None)[0] - quantise(c, q - h, None)[0]) / (2 * h)
    torch.testing.assert_close(quantise(c, q, None)[1][away], numeric[away], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("rounding", ["soft", "hard"])
@pytest.mark.parametrize("how", VARIANTS)
def test_tables_stay_in_their_box_and_move_by_whole_steps(
    how: dict[str, Any], rounding: str, tables: list[Tensor]
) -> None:
    model, x, labels = case(4)
    advdrop(model, x, labels, **how, steps=40, table_step=2, rounding=rounding, draws=draws(x))
    (q,) = tables
    expected = start_and_box(how)
    lowest, highest = expected["box"]
    assert q.min() >= lowest
    assert q.max() <= highest
    moves = (q - expected["start"]).abs()
    assert moves.max() <= 2 * 39  # the last step moves nothing
    assert set(moves.unique().tolist()) <= {2.0 * n for n in range(40)} | {highest - lowest} | {
        abs(2.0 * n - (highest - lowest)) for n in range(40)
    }
    assert moves.any()


@pytest.mark.parametrize("size", [16, 28])
def test_a_table_of_ones_is_nearly_lossless_and_the_paper_starts_there(size: int) -> None:
    x = smooth_images(0, count=20, channels=3, size=size)
    ones = torch.ones_like(block_dct(x))
    for alpha in (0.1, 0.001, None):
        back = as_images(quantise(block_dct(x * 255 - 128), ones, alpha)[0], (size, size))
        assert (back - x).mul(255).square().mean().sqrt() < 0.3
        assert (to_bytes(back.clamp(0, 1)).int() - to_bytes(x).int()).abs().max() <= 2
    model = small(0, 3, size)
    first = advdrop(model, x, labelled(model, x), **PAPER, steps=1, draws=draws(x)).images
    assert torch.equal(first, as_images(quantise(block_dct(x * 255 - 128), ones, 0.1)[0], (size, size)).clamp_(0, 1))
    coarse = advdrop(model, x, labelled(model, x), **CODE, steps=1, draws=draws(x)).images
    assert (coarse - x).square().mean() > 4 * (first - x).square().mean()


def parts(made: AttackResult) -> list[Tensor]:
    return [made.images, made.valid, *(made.extras[key] for key in sorted(made.extras))]


@pytest.mark.parametrize("how", VARIANTS)
@pytest.mark.parametrize("seed", range(2))
def test_results_do_not_depend_on_the_batch_or_its_order(seed: int, how: dict[str, Any]) -> None:
    model, x, labels = case(seed)
    ids = draws(x)
    whole = parts(advdrop(model, x, labels, **how, steps=15, draws=ids))
    for size in (1, 4):
        places = [slice(start, min(start + size, len(x))) for start in range(0, len(x), size)]
        made = [parts(advdrop(model, x[p], labels[p], **how, steps=15, draws=ids.part(p))) for p in places]
        for one, other in zip(whole, map(torch.cat, zip(*made, strict=True)), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    moved = Draws(ids.seed, tuple(ids.images[i] for i in order))
    for one, other in zip(
        whole, parts(advdrop(model, x[order], labels[order], **how, steps=15, draws=moved)), strict=True
    ):
        torch.testing.assert_close(one[order], other, rtol=0, atol=1e-12)


class Counting(nn.Module):
    """A network that notes how many images it is asked about."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.asked = network, list[int]()

    def forward(self, x: Tensor) -> Tensor:
        self.asked.append(len(x))
        return self.network(x)


@pytest.mark.parametrize("how", [PAPER, CODE])
@pytest.mark.parametrize("seed", range(2))
def test_an_image_stops_at_its_first_success_and_stays(seed: int, how: dict[str, Any]) -> None:
    model, x, labels = case(seed)
    counting = Counting(model).eval()
    made = advdrop(counting, x, labels, **how, steps=30, draws=draws(x))
    expected = start_and_box(how) | {"steps": 30}
    alone = [literal_advdrop.attack(model, x[i : i + 1], labels[i : i + 1], **expected) for i in range(len(x))]
    counts = torch.tensor([count for _, _, count in alone])
    assert counting.asked[:-1] == [int((counts > step).sum()) for step in range(int(counts.max()))]
    assert counting.asked[-1] == len(x)  # the images with hard rounding
    early = counts == 1
    assert early[1]  # wrong from the start
    again = advdrop(model, x, labels, **how, steps=3, draws=draws(x))
    assert torch.equal(again.images[early], made.images[early])
    stopped = counts < 30
    assert (made.extras["relaxed"][stopped] != labels[stopped]).all()


def test_judged_by_the_8_bit_image_more_of_those_succeed() -> None:
    saved = {"relaxed": 0, "eight_bit": 0}
    for seed in range(4):
        model, x = small(seed, 2, 16), images(seed, 10, size=16)  # many pixels at the ends, which clipping changes
        labels = labelled(model, x)
        for success in saved:
            made = advdrop(model, x, labels, **CODE | {"bound": 200}, steps=30, success=success, draws=draws(x))
            saved[success] += int((labelled(model, to_bytes(made.images).double() / 255) != labels).sum())
    assert saved["eight_bit"] > saved["relaxed"]


def test_targets_are_wrong_classes_uniform_and_of_the_image() -> None:
    model = small(1)
    x = images(1, 600)
    labels = torch.arange(600) % CLASSES
    how = CODE | {"targeted": True, "steps": 1}
    made = advdrop(model, x, labels, **how, draws=draws(x))
    wanted = made.extras["wanted"]
    assert (wanted != labels).all()
    for label in range(CLASSES):
        counts = wanted[labels == label].bincount(minlength=CLASSES).tolist()
        assert counts.pop(label) == 0
        assert all(25 < count < 75 for count in counts)
    assert torch.equal(advdrop(model, x, labels, **how, draws=draws(x)).extras["wanted"], wanted)
    other_set, other_run = draws(x, 4), replace(draws(x), shared=4)
    assert torch.equal(advdrop(model, x, labels, **how, draws=other_set).extras["wanted"], wanted), "of any attack"
    assert not torch.equal(advdrop(model, x, labels, **how, draws=other_run).extras["wanted"], wanted)
    assert (advdrop(model, x, labels, **CODE, steps=1, draws=draws(x)).extras["wanted"] == -1).all()


@pytest.mark.parametrize("how", VARIANTS)
def test_extras_are_what_the_network_says(how: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, labels = case(5)
    relaxed, tables = [], []
    plain, hard = module.as_images, module.quantise_hard
    monkeypatch.setattr(module, "as_images", lambda c, s: relaxed.append(plain(c, s)) or relaxed[-1].clone())
    monkeypatch.setattr(module, "quantise_hard", lambda c, q, s: tables.append(hard(c, q, s)) or tables[-1])
    made = advdrop(model, x, labels, **how, steps=8, draws=draws(x))
    assert torch.equal(made.extras["hard"], labelled(model, tables[0]))
    assert tables[0].min() >= 0
    assert tables[0].max() <= 1
    unclipped = torch.cat(relaxed)
    for image, said in zip(made.images, made.extras["relaxed"], strict=True):
        found = (unclipped.clamp(0, 1) == image).flatten(1).all(1).nonzero().flatten()
        assert said in labelled(model, unclipped[found])
    assert all(tensor.dtype == torch.int64 and tensor.shape == labels.shape for tensor in made.extras.values())
    assert made.valid.all()
    assert made.images.min() >= 0
    assert made.images.max() <= 1


class Cut(nn.Module):
    """Sees the top left corner only."""

    def __init__(self, network: nn.Module, size: int) -> None:
        super().__init__()
        self.network, self.size = network, size

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x[..., : self.size, : self.size])


@pytest.mark.parametrize("how", VARIANTS)
@pytest.mark.parametrize("size", [10, 14])
def test_other_sizes_are_padded_by_their_edge_and_cut_back(size: int, how: dict[str, Any]) -> None:
    model, x, labels = case(2, channels=3, size=size)
    made = advdrop(model, x, labels, **how, steps=10, draws=draws(x))
    assert made.images.shape == x.shape
    padded = F.pad(x, (0, 16 - size, 0, 16 - size), mode="replicate")
    whole = advdrop(Cut(model, size).eval(), padded, labels, **how, steps=10, draws=draws(x))
    torch.testing.assert_close(made.images, whole.images[..., :size, :size], rtol=0, atol=1e-9)


@pytest.mark.parametrize("how", VARIANTS)
def test_single_precision_is_nearly_the_same(how: dict[str, Any]) -> None:
    model, x, labels = case(3)
    exact = advdrop(model, x, labels, **how, steps=10, draws=draws(x)).images
    quick = advdrop(model.float(), x.float(), labels, **how, steps=10, draws=draws(x)).images
    assert quick.dtype == torch.float32
    assert ((quick - exact).abs() > 1e-3).double().mean() < 0.05


def test_nothing_else_is_changed() -> None:
    model, x, labels = case(0)
    state, before = torch.get_rng_state(), x.clone()
    given = labels.clone()
    made = advdrop(model, x, labels, **VARIANTS[3], steps=3, draws=draws(x))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, before)
    assert torch.equal(labels, given)
    assert not x.requires_grad
    assert not made.images.requires_grad
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    with pytest.raises(LacunaError, match="evaluation mode"):
        advdrop(model.train(), x, labels, **PAPER, steps=1, draws=draws(x))


class Discrete(nn.Module):
    """A network behind a rounding without gradient."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.detach().round())


def test_a_network_without_gradient_is_refused() -> None:
    model, x, labels = case(0)
    with pytest.raises(LacunaError, match="no gradient at its pixels"):
        advdrop(Discrete(model).eval(), x, labels, **PAPER, steps=2, draws=draws(x))


def test_a_bound_below_the_released_codes_box_is_refused() -> None:
    model, x, labels = case(0)
    with pytest.raises(LacunaError, match="bound is 4; allowed: at least 5"):
        advdrop(model, x, labels, variant="released_code", bound=4, steps=1, draws=draws(x))
    fixed = advdrop(model, x, labels, variant="released_code", bound=5, steps=3, draws=draws(x))
    torch.testing.assert_close(fixed.images, x, rtol=0, atol=0.1)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("how", VARIANTS)
def test_a_cuda_device_gives_the_same(how: dict[str, Any]) -> None:
    model, x, labels = case(1)
    here = advdrop(model, x, labels, **how, steps=8, draws=draws(x))
    there = advdrop(model.cuda(), x.cuda(), labels.cuda(), **how, steps=8, draws=draws(x))
    torch.testing.assert_close(there.images.cpu(), here.images, rtol=0, atol=1e-9)
    assert torch.equal(there.extras["wanted"].cpu(), here.extras["wanted"])
