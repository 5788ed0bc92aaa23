"""Runs one attack over a set of images and gives back 8-bit adversarial images."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws, Examples
from lacuna.attacks.core.margins import median_margin
from lacuna.attacks.core.matching import match_size
from lacuna.errors import LacunaError
from lacuna.files.states import Resumable
from lacuna.jobs.progress import Progress, Say
from lacuna.language.attacks import EXTRAS, METHODS, method_of, pixel_values
from lacuna.language.declared import resolve
from lacuna.language.methods import Method
from lacuna.numerics.device import run_batches
from lacuna.numerics.images import as_pixels, to_bytes
from lacuna.numerics.seeding import derive


@dataclass(frozen=True)
class AdversarialSet:
    """What an attack made of N images, on the model's device.

    ``images`` uint8 (N, C, H, W); ``valid`` bool (N,), False where no example was found; ``distance`` float32 (N,),
    squared l2 distance to the clean image divided by the number of values, pixels in [0, 1], before the rounding to
    8 bit; ``extras`` int64 (N,), see `Examples`; ``facts`` what the attack measured on the source.
    """

    images: Tensor
    valid: Tensor
    distance: Tensor
    extras: Mapping[str, Tensor] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, tensors: Mapping[str, Tensor], code: str, device: str) -> "AdversarialSet":
        """One budget of an adversarial set's file."""
        parts = {part: tensors[f"{code}.{part}"].to(device) for part in ("images", "valid", "distance")}
        return cls(parts["images"], parts["valid"], parts["distance"])

    def report(self, clean: Tensor) -> dict[str, float | None]:
        """The facts, and what the set looks like against the clean images uint8; None where no example was found."""
        found = self.distance[self.valid].double()
        return self.facts | {
            "largest_change": int((self.images.int() - clean.int()).abs().max()),
            "valid_share": round(self.valid.double().mean().item(), 6),
            "median_distance": found.quantile(0.5).item() if len(found) else None,
        }


@dataclass(frozen=True)
class Given:
    """What an attack may take besides all N images and their labels; `Method` says which method takes what.

    ``draws`` are the images' random numbers. ``foreground`` bool (N, H, W) and the ``saliency`` model are for attacks
    on regions. ``files`` are N names (`lacuna.data.folder.ImageFile`), for images from a folder. ``like`` is a set of
    the same images, for budgets with ``match``: each image's change becomes as large as the change there.
    """

    draws: Draws
    foreground: Tensor | None = None
    saliency: nn.Module | None = None
    files: Sequence[str] | None = None
    like: AdversarialSet | None = None

    def refuse_lack(self, attack: "Attack") -> None:
        """Raises `LacunaError` where the attack lacks what it needs."""
        method = method_of(attack.method)
        if method.foreground and self.foreground is None:
            needed = "the foreground of its images; allowed: the dataset's foreground stage"
            raise LacunaError(f"{attack.method} needs {needed}")
        if method.files and self.files is None:
            needed = "the images' file names; allowed: datasets of kind folder or partitions"
            raise LacunaError(f"{attack.method} needs {needed}")
        if "match" in attack.budget and self.like is None:
            raise LacunaError(f"{attack.name} needs the set that it is scaled to; allowed: the attack's key like")

    def part(self, method: Method, place: slice) -> dict[str, Any]:
        """What a method's function takes of some of the images, as its keyword arguments."""
        taken: dict[str, Any] = {"draws": self.draws.part(place)} if method.draws else {}
        if method.foreground and self.foreground is not None:
            taken |= {"foreground": self.foreground[place], "saliency": self.saliency}
        if method.files and self.files is not None:
            taken |= {"files": self.files[place]}
        return taken

    def resize(self, x: Tensor, found: Examples, place: slice, match: str | None) -> Examples:
        """Examples of some of the images, their changes as large as those of ``like`` if the budget has ``match``."""
        if match is None or self.like is None:
            return found
        return match_size(x, found, match, self.like.distance[place], as_pixels(self.like.images[place]))


@dataclass(frozen=True)
class Attack:
    """One budget of a method, as the configuration has both; messages call it ``name``."""

    name: str
    method: str
    budget: Mapping[str, Any]

    def function(self) -> Callable[..., Tensor | Examples]:
        """What makes the examples."""
        found = resolve(method_of(self.method).function)
        return found if self.method in METHODS else found(self.method)

    def arguments(self) -> dict[str, Any]:
        """The function's keyword arguments: the budget, with distances in pixel units as numbers."""
        given = {key: value for key, value in self.budget.items() if key not in ("arguments", "match")}
        return pixel_values(given, method_of(self.method).parameters) | self.budget.get("arguments", {})


def adversarial_images(
    model: nn.Module | None,
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    given: Given,
    *,
    batch: int,
    say: Say,
    state: Resumable | None = None,
) -> AdversarialSet:
    """The adversarial set of an attack on images uint8 (N, C, H, W) and labels int64, on the model's device.

    ``model`` is None for methods without a network. ``batch`` decides speed and memory; in float32 it can flip the
    sign of a gradient near zero, in float64 not. It is halved where a GPU runs out of memory. A killed attack goes on
    from ``state`` and ends with the same bytes; the caller finishes the state. Global random generators are seeded for
    each batch, so that this holds for attacks of the user's own too. Raises `LacunaError` where an attack lacks what
    it needs.
    """
    given.refuse_lack(attack)
    method, function = method_of(attack.method), attack.function()
    arguments, facts = _on_source(model, images, labels, attack.arguments(), batch)
    done, made = state.load() if state else (0, {})
    progress, size = Progress(attack.name, "image", len(images), say, done), method.group or batch

    def work(part: slice) -> dict[str, Tensor]:
        _seed_globally(derive(given.draws.seed, "batch", part.start))
        x = as_pixels(images[part])
        found = _found(function(model, x, labels[part], **arguments, **given.part(method, part)))
        return _measured(given.resize(x, found, part, attack.budget.get("match")), x)

    for part, new in run_batches(len(images), size, work, say, done=done, fixed=method.group is not None):
        made = {key: torch.cat([made[key].to(new[key].device), new[key]]) if made else new[key] for key in new}
        if state and (method.resumable or state.due()):
            state.save(part.stop, made)
        progress.step(part.stop)
    whole = {key: tensor.to(images.device) for key, tensor in made.items()}
    extras = {key: whole.pop(key) for key in EXTRAS if key in whole}
    return AdversarialSet(**whole, extras=extras, facts=facts)


def _seed_globally(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def _on_source(
    model: nn.Module | None, images: Tensor, labels: Tensor, arguments: dict[str, Any], batch: int
) -> tuple[dict[str, Any], dict[str, float]]:
    """Arguments that depend on the source and all its images, filled in; and what was measured for that."""
    if "kappa_rel" not in arguments:
        return arguments, {}
    assert model is not None
    margin = median_margin(model, images, labels, batch)
    kappa = arguments["kappa_rel"] * margin
    rest = {key: value for key, value in arguments.items() if key != "kappa_rel"}
    return rest | {"kappa": kappa}, {"median_margin": margin, "kappa": kappa}


def _found(made: Tensor | Examples) -> Examples:
    """What an attack gave back; an attack that gives images alone has found every example."""
    if isinstance(made, Examples):
        return made
    return Examples(made, torch.ones(len(made), dtype=torch.bool, device=made.device))


def _measured(found: Examples, x: Tensor) -> dict[str, Tensor]:
    """One batch attacked: the tensors of an `AdversarialSet`, its extras among them."""
    distance = (found.images - x).square().mean((1, 2, 3)).float()
    return {"images": to_bytes(found.images), "valid": found.valid, "distance": distance, **found.extras}
