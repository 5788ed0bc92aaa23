"""Runs one attack over a set of images, and gives 8-bit adversarial images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.attacks.core.draws import AttackResult, Draws
from lacuna.attacks.core.margins import median_margin
from lacuna.attacks.core.matching import match_size
from lacuna.errors import LacunaError
from lacuna.files.states import Resumable
from lacuna.jobs.progress import Progress, Say
from lacuna.language.attacks import EXTRAS, METHODS, UNROUNDED, method_of, pixel_values
from lacuna.language.declared import resolve
from lacuna.language.methods import Method
from lacuna.numerics.device import run_batches
from lacuna.numerics.images import as_pixels, to_bytes
from lacuna.numerics.seeding import derive, seed_globally


@dataclass(frozen=True)
class AdversarialSet:
    """What an attack made of N images, on the model's device.

    ``images`` are uint8 (N, C, H, W). ``valid`` bool (N,) is False where the attack found no example. ``distance``
    float32 (N,) is the squared l2 distance to the clean image over the number of values, of pixels in [0, 1], before
    the rounding to 8 bit, and ``distance_8bit`` after it. ``extras`` int64 (N,) are those of `AttackResult`, and what
    the source says of the images before the rounding. ``facts`` are what was measured on the source.
    """

    images: Tensor
    valid: Tensor
    distance: Tensor
    distance_8bit: Tensor
    extras: Mapping[str, Tensor] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)

    @classmethod
    def collect(cls, made: Mapping[str, Tensor], device: torch.device, facts: dict[str, float]) -> "AdversarialSet":
        """The set of all batches together, from its tensors by name, extras among them."""
        whole = {name: tensor.to(device) for name, tensor in made.items()}
        extras = {name: whole.pop(name) for name in EXTRAS if name in whole}
        return cls(**whole, extras=extras, facts=facts)

    @classmethod
    def read(cls, tensors: Mapping[str, Tensor], code: str, device: str) -> "AdversarialSet":
        """The set of one budget in the file of an adversarial set."""
        parts = ("images", "valid", "distance", "distance_8bit")
        return cls.collect({part: tensors[f"{code}.{part}"] for part in parts}, torch.device(device), {})

    def report(self, clean: Tensor) -> dict[str, float | None]:
        """The facts, and how far the set is from the clean images uint8; its median is None without a valid example."""
        found = self.distance[self.valid].double()
        return self.facts | {
            "largest_change": int((self.images.int() - clean.int()).abs().max()),
            "valid_share": round(self.valid.double().mean().item(), 6),
            "median_distance": found.quantile(0.5).item() if len(found) else None,
        }


@dataclass(frozen=True)
class Supplies:
    """What an attack may take besides N images and their labels; a `Method` says which of it the method takes.

    ``draws`` are the random numbers of the images. ``foreground`` bool (N, H, W) and the ``saliency`` model are for
    attacks on regions. ``files`` are N names (`lacuna.data.folder.ImageFile`), for images from a folder. ``like`` is a
    set of the same images, for budgets with ``match``: the change of each image becomes as large as its change there.
    """

    draws: Draws
    foreground: Tensor | None = None
    saliency: nn.Module | None = None
    files: Sequence[str] | None = None
    like: AdversarialSet | None = None

    def refuse_lack(self, attempt: "Attempt") -> None:
        """Raises `LacunaError` for an attack that needs what is not supplied."""
        method = method_of(attempt.method)
        if method.foreground and self.foreground is None:
            needed = "the foreground of its images; allowed: the dataset's foreground stage"
            raise LacunaError(f"{attempt.method} needs {needed}")
        if method.files and self.files is None:
            needed = "the images' file names; allowed: datasets of kind folder or partitions"
            raise LacunaError(f"{attempt.method} needs {needed}")
        if "match" in attempt.budget and self.like is None:
            raise LacunaError(f"{attempt.name} needs the set that it is scaled to; allowed: the attack's key like")

    def part(self, method: Method, place: slice) -> dict[str, Any]:
        """The keyword arguments that the function of a method takes for some of the images."""
        taken: dict[str, Any] = {"draws": self.draws.part(place)} if method.draws else {}
        if method.foreground and self.foreground is not None:
            taken |= {"foreground": self.foreground[place], "saliency": self.saliency}
        if method.files and self.files is not None:
            taken |= {"files": self.files[place]}
        return taken

    def resize(self, x: Tensor, found: AttackResult, place: slice, match: str | None) -> AttackResult:
        """The examples of some images; with ``match`` their changes become as large as those of ``like``."""
        if match is None or self.like is None:
            return found
        return match_size(x, found, match, self.like.distance[place], as_pixels(self.like.images[place]))


@dataclass(frozen=True)
class Attempt:
    """One budget of a method, as the configuration has both; messages call the attack ``name``."""

    name: str
    method: str
    budget: Mapping[str, Any]

    def function(self) -> Callable[..., Tensor | AttackResult]:
        """The function that makes the examples: (model, images, labels, **arguments) -> images, or `AttackResult`."""
        found = resolve(method_of(self.method).function)
        return found if self.method in METHODS else found(self.method)

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the function: the budget, with distances in pixel units as numbers."""
        given = {key: value for key, value in self.budget.items() if key not in ("arguments", "match")}
        return pixel_values(given, method_of(self.method).parameters) | self.budget.get("arguments", {})


def adversarial_images(
    model: nn.Module | None,
    images: Tensor,
    labels: Tensor,
    attempt: Attempt,
    supplies: Supplies,
    *,
    batch: int,
    say: Say,
    state: Resumable | None = None,
) -> AdversarialSet:
    """The adversarial set of an attempt on images uint8 (N, C, H, W) and labels int64 (N,), on the model's device.

    ``model`` is None for methods without a network. ``batch`` decides speed and memory. In float32 it can also flip the
    sign of a gradient near zero, in float64 it cannot. Where a GPU runs out of memory the batch is halved. A killed
    attack goes on from ``state`` and ends with the same bytes; the caller finishes the state. To make this hold for
    attacks of the user's own, global random generators are seeded for each batch. Raises `LacunaError` for an attack
    that needs what is not supplied.
    """
    supplies.refuse_lack(attempt)
    method, function = method_of(attempt.method), attempt.function()
    arguments, facts = _on_source(model, images, labels, attempt.arguments(), batch)
    done, made = state.load() if state else (0, dict[str, Tensor]())
    progress, size = Progress(attempt.name, "image", len(images), say, done), method.group or batch

    def work(part: slice) -> dict[str, Tensor]:
        seed_globally(derive(supplies.draws.seed, "batch", part.start))
        x = as_pixels(images[part])
        found = _as_examples(function(model, x, labels[part], **arguments, **supplies.part(method, part)))
        return _tensors(model, supplies.resize(x, found, part, attempt.budget.get("match")), x)

    for part, new in run_batches(len(images), size, work, say, done=done, fixed=method.group is not None):
        made = _join(made, new)
        if state and (method.resumable or state.due()):
            state.save(part.stop, made)
        progress.step(part.stop)
    return AdversarialSet.collect(made, images.device, facts)


def _join(made: Mapping[str, Tensor], new: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the batches so far, and of a new one after them."""
    return {name: torch.cat([made[name].to(new[name].device), new[name]]) for name in new} if made else new


def _on_source(
    model: nn.Module | None, images: Tensor, labels: Tensor, arguments: dict[str, Any], batch: int
) -> tuple[dict[str, Any], dict[str, float]]:
    """The arguments, with those that depend on the source and all images as numbers; and what was measured for them."""
    if "kappa_rel" not in arguments:
        return arguments, {}
    assert model is not None
    margin = median_margin(model, images, labels, batch)
    kappa = arguments["kappa_rel"] * margin
    rest = {key: value for key, value in arguments.items() if key != "kappa_rel"}
    return rest | {"kappa": kappa}, {"median_margin": margin, "kappa": kappa}


def _as_examples(made: Tensor | AttackResult) -> AttackResult:
    """What an attack gave. An attack that gives images alone has found every example."""
    if isinstance(made, AttackResult):
        return made
    return AttackResult(made, torch.ones(len(made), dtype=torch.bool, device=made.device))


def _tensors(model: nn.Module | None, found: AttackResult, x: Tensor) -> dict[str, Tensor]:
    """The tensors of an `AdversarialSet` for one batch, its extras among them."""
    saved = to_bytes(found.images)
    measured = {"distance": _distance(found.images, x), "distance_8bit": _distance(as_pixels(saved), x)}
    said = {UNROUNDED: _classes(model, found.images)} if model else {}
    return {"images": saved, "valid": found.valid, **measured, **said, **found.extras}


def _distance(images: Tensor, x: Tensor) -> Tensor:
    return (images - x).square().mean((1, 2, 3)).float()


@torch.no_grad()
def _classes(model: nn.Module, images: Tensor) -> Tensor:
    """What the model says of the images in the batch that the attack saw: another one may round an edge otherwise."""
    return model(images).argmax(1)
