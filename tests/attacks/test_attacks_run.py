"""The loop over batches: what a set holds, facts of the source, and that a killed run ends with the same bytes."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from victims import draws, victim

from lacuna.attacks import fgsm
from lacuna.attacks.core.draws import AttackResult, Draws
from lacuna.attacks.core.margins import median_margin
from lacuna.attacks.core.run import AdversarialSet, Attempt, Supplies, adversarial_images
from lacuna.attacks.cw import cw
from lacuna.files import states
from lacuna.files.states import Resumable
from lacuna.language.attacks import METHODS, method_of
from lacuna.language.declared import resolve
from lacuna.numerics.images import as_pixels, to_bytes
from lacuna.numerics.seeding import derive

torch.set_num_threads(1)
PGD = {"epsilon": "8/255", "step": "2/255", "steps": 3}
CW = {"steps": 15, "binary_search_steps": 3, "learning_rate": 0.05, "initial_const": 0.1}
WALK = {"steps": 60, "spherical_step": 0.05, "source_step": 0.05, "step_adaptation": 1.5}
SLOW: list[tuple[str, dict[str, Any]]] = [
    ("cw", CW | {"kappa_rel": 0.3}),
    ("boundary", WALK),
    ("square", {"epsilon": "8/255", "queries": 10}),
    ("advdrop", {"variant": "released_code", "bound": 60, "steps": 5, "targeted": True}),
]
QUICK: list[tuple[str, dict[str, Any]]] = [
    ("pgd", PGD | {"random_start": True, "restarts": 2}),
    ("mifgsm", PGD),
    ("gaussian", {"sigma": "8/255"}),
    ("shuffle", {"k": 2}),
    ("stylised", {}),
]


def attacked(method: str, budget: dict[str, Any], count: int = 7, batch: int = 3, **how: Any) -> AdversarialSet:
    model, x, labels = victim(count)
    source = model if method_of(method).network else None
    supplies = Supplies(how.pop("draws", draws(x)))
    how = {"batch": batch, "say": lambda _: None} | how
    return adversarial_images(source, x, labels, Attempt(method, method, budget), supplies, **how)


class Watched(nn.Module):
    """A network that keeps the images it is asked about."""

    def __init__(self, model: nn.Module, seen: list[Tensor]) -> None:
        super().__init__()
        self.model, self.seen = model, seen

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        answer: Tensor = self.model(x)
        return answer


def same(first: AdversarialSet, second: AdversarialSet) -> bool:
    pairs = [(first.images, second.images), (first.valid, second.valid), (first.distance, second.distance)]
    pairs += [(first.extras[name], second.extras[name]) for name in first.extras]
    return all(torch.equal(a, b) for a, b in pairs) and (first.facts, [*first.extras]) == (
        second.facts,
        [*second.extras],
    )


@pytest.mark.parametrize(("method", "budget"), SLOW + QUICK)
def test_a_set_has_images_valid_flags_and_distances(method: str, budget: dict[str, Any]) -> None:
    x = victim()[1]
    made = attacked(method, budget)
    assert (made.images.dtype, made.valid.dtype, made.distance.dtype) == (torch.uint8, torch.bool, torch.float32)
    assert made.images.shape == x.shape
    assert len(made.valid) == len(made.distance) == len(x)
    rounded = (as_pixels(made.images) - as_pixels(x)).square().mean((1, 2, 3))
    bound = 2 * made.distance.sqrt() * 0.5 / 255 + (0.5 / 255) ** 2 + 1e-7  # of rounding each value by half a level
    assert ((rounded - made.distance).abs() <= bound).all()
    assert (made.distance[~made.valid] == 0).all()
    assert made.distance.max() > 0
    assert same(attacked(method, budget), made)


@pytest.mark.parametrize("valid", [[True] * 5, [True, False, True, False, False]])
def test_an_attack_may_say_which_examples_it_found(monkeypatch: pytest.MonkeyPatch, valid: list[bool]) -> None:
    def lighter(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor | AttackResult:
        found = torch.tensor(valid[: len(x)])
        return x * 0.5 if all(valid) else AttackResult(torch.where(found.view(-1, 1, 1, 1), x * 0.5, x), found)

    monkeypatch.setattr(fgsm, "fgsm", lighter)
    x = victim(5)[1]
    made = attacked("fgsm", {}, 5, batch=5)
    assert made.valid.tolist() == valid
    half = as_pixels(x) * 0.5
    for i, found in enumerate(valid):
        assert made.distance[i].item() == pytest.approx(half[i].square().mean().item() if found else 0, rel=1e-5)
        assert torch.equal(made.images[i], to_bytes(half)[i] if found else x[i])
    report = made.report(x)
    assert report["valid_share"] == sum(valid) / 5
    assert report["median_distance"] == pytest.approx(made.distance[torch.tensor(valid)].quantile(0.5).item())
    none = AdversarialSet(x, torch.zeros(5, dtype=torch.bool), torch.zeros(5), torch.zeros(5))
    assert none.report(x)["median_distance"] is None


@pytest.mark.parametrize(("method", "budget"), SLOW + QUICK)
def test_a_set_says_what_the_source_answers_before_the_rounding_and_how_far_it_is_after(
    method: str, budget: dict[str, Any]
) -> None:
    """A second look: the attack's function called alone gives the float images that the set was rounded from."""
    model, x, labels = victim(7)
    made, known = attacked(method, budget, batch=7), method_of(method)
    rounded = (as_pixels(made.images) - as_pixels(x)).square().mean((1, 2, 3))
    assert torch.equal(made.distance_8bit, rounded)
    if not known.network:
        assert "unrounded" not in made.extras
        return
    float_images: list[Tensor] = []
    watched = Watched(model, float_images).eval()
    again = adversarial_images(
        watched, x, labels, Attempt(method, method, budget), Supplies(draws(x)), batch=7, say=lambda _: None
    )
    assert torch.equal(again.images, made.images)
    assert torch.equal(to_bytes(float_images[-1]), made.images)
    assert torch.equal(model(float_images[-1]).argmax(1), made.extras["unrounded"])


def test_minimal_examples_break_their_source_before_the_rounding_that_undoes_some() -> None:
    """On the edge between two classes the float image counts with its own distance, the 8-bit image with its own."""
    labels = victim(7)[2]
    made = attacked("cw", CW | {"kappa": 0}, batch=7)
    assert made.valid.any()
    assert (made.extras["unrounded"][made.valid] != labels[made.valid]).all()
    assert (made.distance[made.valid] != made.distance_8bit[made.valid]).any()


def test_what_an_attack_says_besides_is_kept_for_every_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def counting(model: nn.Module, x: Tensor, labels: Tensor, draws: Draws) -> AttackResult:
        ids = torch.tensor(draws.images)
        return AttackResult(x, torch.ones(len(x), dtype=torch.bool), {"hard": ids * 3, "wanted": ids})

    monkeypatch.setattr(fgsm, "fgsm", counting)
    monkeypatch.setitem(METHODS, "fgsm", replace(METHODS["fgsm"], draws=True))
    made = attacked("fgsm", {})
    assert {name: tensor.tolist() for name, tensor in made.extras.items()} == {
        "unrounded": victim()[2].tolist(),
        "wanted": list(range(10, 17)),
        "hard": list(range(30, 51, 3)),
    }
    assert made.extras["hard"].dtype == torch.int64
    assert [*attacked(*QUICK[0]).extras] == ["unrounded"]


def test_a_relative_kappa_is_that_multiple_of_the_sources_median_margin() -> None:
    model, x, labels = victim()
    relative = attacked("cw", CW | {"kappa_rel": 0.7})
    margin = median_margin(model, x, labels, 100)
    assert relative.facts == {"median_margin": pytest.approx(margin), "kappa": pytest.approx(0.7 * margin)}
    absolute = attacked("cw", CW | {"kappa": relative.facts["kappa"]})
    assert torch.equal(absolute.images, relative.images)
    assert absolute.facts == {}
    assert relative.valid.any()
    direct = cw(model, as_pixels(x[:3]), labels[:3], **CW, kappa=relative.facts["kappa"])
    assert torch.equal(to_bytes(direct.images), relative.images[:3])


@pytest.mark.parametrize(("method", "budget"), QUICK)
def test_batches_decide_no_numbers_of_quick_attacks(method: str, budget: dict[str, Any]) -> None:
    whole = attacked(method, budget, batch=100)
    for batch in (1, 4):
        assert (attacked(method, budget, batch=batch).images != whole.images).double().mean() < 0.01
    assert method in ("mifgsm",) or not same(attacked(method, budget, draws=Draws(5, tuple(range(7)))), whole)


def test_the_square_attack_has_groups_of_its_own() -> None:
    how = SLOW[2]
    assert same(attacked(*how, batch=2), attacked(*how, batch=100))


class KilledError(Exception):
    pass


@pytest.mark.parametrize("batches", [1, 2])
@pytest.mark.parametrize(("method", "budget"), SLOW)
def test_a_killed_slow_attack_goes_on_and_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, budget: dict[str, Any], batches: int
) -> None:
    known = METHODS[method]
    function = resolve(known.function)
    calls: list[int] = []

    def counted(model: nn.Module, x: Tensor, labels: Tensor, **arguments: Any) -> Tensor | AttackResult:
        calls.append(len(x))
        return function(model, x, labels, **arguments)

    monkeypatch.setattr(import_module(known.function.partition(":")[0]), method, counted)
    monkeypatch.setitem(METHODS, method, replace(known, group=3 if known.group else None))
    undisturbed = attacked(method, budget)
    path, lines = tmp_path / "state/a.safetensors", []

    def say(line: str) -> None:
        lines.append(line)
        if len(lines) == batches:
            raise KilledError

    with pytest.raises(KilledError):
        attacked(method, budget, say=say, state=Resumable(path, "digest"))
    calls.clear()
    torch.manual_seed(1234)
    assert same(attacked(method, budget, state=Resumable(path, "digest")), undisturbed)
    assert calls == [3, 3, 1][batches:]
    calls.clear()
    assert same(attacked(method, budget, state=Resumable(path, "digest")), undisturbed)
    assert calls == []  # complete, until the caller removes it
    attacked(method, budget, state=Resumable(path, "other"))
    assert calls == [3, 3, 1]


def test_quick_attacks_keep_no_state(tmp_path: Path) -> None:
    attacked(*QUICK[0], state=Resumable(tmp_path / "state", "digest"))
    assert not list(tmp_path.iterdir())


def own(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float, share: float = 1.0) -> Tensor:
    """An attack as a user would bring it: noise from torch's global generator."""
    return (x + epsilon * share * (2 * torch.rand_like(x) - 1)).clamp(0, 1)


OWN = ("test_attacks_run:own", {"epsilon": "8/255", "arguments": {"share": 0.5}})


def test_an_attack_of_the_users_own_draws_from_generators_seeded_by_the_set_and_the_batch() -> None:
    drawn = draws(victim()[1])
    made = attacked(*OWN, batch=4, draws=drawn)
    x = as_pixels(victim()[1])
    torch.manual_seed(derive(drawn.seed, "batch", 4))
    assert torch.equal(made.images[4:], to_bytes(own(nn.Identity(), x[4:], x, epsilon=8 / 255, share=0.5)))
    assert made.valid.all()
    torch.manual_seed(9)
    assert same(attacked(*OWN, batch=4, draws=drawn), made)
    assert not same(attacked(*OWN, batch=4, draws=Draws(drawn.seed + 1, drawn.images)), made)


def test_any_attack_that_takes_long_goes_on_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "EVERY", 0)
    monkeypatch.setattr(states, "SHARE", 0)
    undisturbed, lines = attacked(*OWN), list[str]()

    def say(line: str) -> None:
        lines.append(line)
        if len(lines) == 2:
            raise KilledError

    with pytest.raises(KilledError):
        attacked(*OWN, say=say, state=Resumable(tmp_path / "state", "digest"))
    torch.manual_seed(9)
    lines.clear()
    assert same(attacked(*OWN, say=lines.append, state=Resumable(tmp_path / "state", "digest")), undisturbed)
    assert len(lines) == 1
