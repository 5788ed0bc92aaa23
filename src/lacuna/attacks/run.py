"""Runs one attack over a set of images and gives back 8-bit adversarial images."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lacuna.attacks.advdrop import advdrop
from lacuna.attacks.apgd import apgd_ce, apgd_t
from lacuna.attacks.counterparts import from_folder
from lacuna.attacks.draws import Draws, Made
from lacuna.attacks.dual import dual, dual_l2, pgd_l2
from lacuna.attacks.gradient import fgsm, mifgsm, pgd
from lacuna.attacks.jsma import jsma
from lacuna.attacks.matching import scaled
from lacuna.attacks.minimal import boundary, cw, median_margin
from lacuna.attacks.own import own_attack
from lacuna.attacks.square import GROUP, square
from lacuna.attacks.thermometer import lspga
from lacuna.attacks.transforms import gaussian, shuffle, stylised
from lacuna.errors import LacunaError
from lacuna.files.states import Resumable
from lacuna.jobs.progress import Progress, Say
from lacuna.language.attacks import EXTRAS, parse_pixels, pixel_parameters
from lacuna.numerics.device import run_batches
from lacuna.numerics.images import as_pixels, to_bytes
from lacuna.numerics.seeding import derive


@dataclass(frozen=True)
class Attack:
    """A function (model, images, labels, **budget) -> Tensor or Made, and how the loop over batches calls it.

    ``draws``: it takes `Draws` as an argument; ``resumable``: slow, so that each batch is kept until the set is
    complete (what others have done is kept every few seconds); ``group``: images per call where that decides results;
    ``regions``: it takes the images' foreground and a saliency model; ``files``: it takes the names of their files.
    """

    function: Callable[..., Tensor | Made]
    draws: bool = False
    resumable: bool = False
    group: int | None = None
    regions: bool = False
    files: bool = False


ATTACKS = {
    "fgsm": Attack(fgsm),
    "pgd": Attack(pgd, draws=True),
    "mifgsm": Attack(mifgsm),
    "apgd_ce": Attack(apgd_ce, draws=True),
    "apgd_t": Attack(apgd_t, draws=True),
    "cw": Attack(cw, resumable=True),
    "boundary": Attack(boundary, draws=True, resumable=True),
    "square": Attack(square, draws=True, resumable=True, group=GROUP),
    "lspga": Attack(lspga, draws=True),
    "dual": Attack(dual, draws=True, regions=True),
    "dual_l2": Attack(dual_l2, draws=True, regions=True),
    "pgd_l2": Attack(pgd_l2, draws=True),
    "jsma": Attack(jsma, draws=True, resumable=True),
    "advdrop": Attack(advdrop, draws=True, resumable=True),
    "gaussian": Attack(gaussian, draws=True),
    "shuffle": Attack(shuffle, draws=True),
    "stylised": Attack(stylised, draws=True),
    "folder": Attack(from_folder, files=True),
}


@dataclass(frozen=True)
class AdversarialSet:
    """What an attack made of N images, on the model's device.

    ``images`` uint8 (N, C, H, W); ``valid`` bool (N,), False where no example was found; ``distance`` float32 (N,),
    squared l2 distance to the clean image divided by the number of values, pixels in [0, 1], before the rounding to
    8 bit; ``extras`` int64 (N,), see `Made`; ``facts`` what the attack measured on the source.
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


def parameters(method: str, budget: dict[str, Any]) -> dict[str, Any]:
    """An attack's keyword arguments from its budget as written in the configuration."""
    given = {key: value for key, value in budget.items() if key not in ("arguments", "match")}
    pixels = {key: float(parse_pixels(given[key], key)) for key in pixel_parameters(method) & given.keys()}
    return given | pixels | budget.get("arguments", {})


def adversarial_images(
    model: nn.Module | None,
    images: Tensor,
    labels: Tensor,
    method: str,
    budget: dict[str, Any],
    *,
    name: str,
    batch: int,
    draws: Draws,
    say: Say,
    state: Resumable | None = None,
    foreground: Tensor | None = None,
    saliency: nn.Module | None = None,
    files: Sequence[str] | None = None,
    like: AdversarialSet | None = None,
) -> AdversarialSet:
    """The adversarial set of one budget for images uint8 (N, C, H, W) and labels int64, on the model's device.

    ``batch`` decides speed and memory; in float32 it can flip the sign of a gradient near zero, in float64 not. It is
    halved where a GPU runs out of memory. ``draws`` are those of all N images. ``model`` is None for methods without a
    network. A killed attack goes on from ``state`` and ends with the same bytes; the caller finishes the state. Global
    random generators are seeded for each batch, so that this holds for attacks of the user's own too. ``foreground``
    bool (N, H, W) and the ``saliency`` model are for attacks on regions, ``files`` (N names, see
    `lacuna.data.folder.ImageFile`) for images from a folder. ``like`` is a set of the same images, for budgets with
    ``match``: each image's change is scaled to be as large as there. Raises `LacunaError` where an attack lacks what
    it needs.
    """
    attack = ATTACKS.get(method) or Attack(own_attack(method))
    arguments, facts = _on_source(model, images, labels, parameters(method, budget), batch)
    if attack.regions and foreground is None:
        raise LacunaError(f"{method} needs the foreground of its images; allowed: the dataset's foreground stage")
    if attack.files and files is None:
        raise LacunaError(f"{method} needs the images' file names; allowed: datasets of kind folder or partitions")
    if "match" in budget and like is None:
        raise LacunaError(f"{name} needs the set that it is scaled to; allowed: the attack's key like")
    done, made = state.load() if state else (0, {})
    progress, size = Progress(name, "image", len(images), say, done), attack.group or batch

    def work(part: slice) -> dict[str, Tensor]:
        _seed_globally(derive(draws.seed, "batch", part.start))
        seeded: dict[str, Any] = {"draws": draws.part(part)} if attack.draws else {}
        if attack.regions and foreground is not None:
            seeded |= {"foreground": foreground[part], "saliency": saliency}
        if attack.files and files is not None:
            seeded |= {"files": files[part]}
        x = as_pixels(images[part])
        found = _found(attack.function(model, x, labels[part], **arguments, **seeded))
        if like is not None and "match" in budget:
            found = scaled(x, found, budget["match"], like.distance[part], as_pixels(like.images[part]))
        return _measured(found, x)

    for part, new in run_batches(len(images), size, work, say, done=done, fixed=attack.group is not None):
        made = {key: torch.cat([made[key].to(new[key].device), new[key]]) if made else new[key] for key in new}
        if state and (attack.resumable or state.due()):
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


def _found(made: Tensor | Made) -> Made:
    """What an attack gave back; an attack that gives images alone has found every example."""
    if isinstance(made, Made):
        return made
    return Made(made, torch.ones(len(made), dtype=torch.bool, device=made.device))


def _measured(made: Made, x: Tensor) -> dict[str, Tensor]:
    """One batch attacked: the tensors of an `AdversarialSet`, its extras among them."""
    distance = (made.images - x).square().mean((1, 2, 3)).float()
    return {"images": to_bytes(made.images), "valid": made.valid, "distance": distance, **made.extras}
