"""Runs one attack over a set of images and gives back 8-bit adversarial images."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lacuna.attacks.draws import Draws, Made
from lacuna.attacks.gradient import fgsm, mifgsm, pgd
from lacuna.attacks.minimal import boundary, cw, median_margin
from lacuna.attacks.own import own_attack
from lacuna.attacks.square import GROUP, square
from lacuna.attacks.thermometer import lspga
from lacuna.attacks.transforms import gaussian, shuffle, stylised
from lacuna.device import in_batches
from lacuna.images import as_pixels, to_bytes
from lacuna.names import PIXELS, parse_pixels
from lacuna.progress import Progress, Say
from lacuna.resumable import Resumable
from lacuna.seeding import derive


@dataclass(frozen=True)
class Attack:
    """A function (model, images, labels, **budget) -> Tensor or Made, and how the loop over batches calls it.

    ``draws``: it takes `Draws` as an argument; ``resumable``: slow, so that each batch is kept until the set is
    complete (what others have done is kept every few seconds); ``group``: images per call where that decides results.
    """

    function: Callable[..., Tensor | Made]
    draws: bool = False
    resumable: bool = False
    group: int | None = None


ATTACKS = {
    "fgsm": Attack(fgsm),
    "pgd": Attack(pgd, draws=True),
    "mifgsm": Attack(mifgsm),
    "cw": Attack(cw, resumable=True),
    "boundary": Attack(boundary, draws=True, resumable=True),
    "square": Attack(square, draws=True, resumable=True, group=GROUP),
    "lspga": Attack(lspga, draws=True),
    "gaussian": Attack(gaussian, draws=True),
    "shuffle": Attack(shuffle, draws=True),
    "stylised": Attack(stylised, draws=True),
}


@dataclass(frozen=True)
class AdversarialSet:
    """What an attack made of N images, on the model's device.

    ``images`` uint8 (N, C, H, W); ``valid`` bool (N,), False where no example was found; ``distance`` float32 (N,),
    squared l2 distance to the clean image divided by the number of values, pixels in [0, 1], before the rounding to
    8 bit; ``facts`` what the attack measured on the source.
    """

    images: Tensor
    valid: Tensor
    distance: Tensor
    facts: dict[str, float] = field(default_factory=dict)

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
    given = {key: value for key, value in budget.items() if key != "arguments"}
    pixels = {key: float(parse_pixels(given[key], key)) for key in PIXELS & given.keys()}
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
) -> AdversarialSet:
    """The adversarial set of one budget for images uint8 (N, C, H, W) and labels int64, on the model's device.

    ``batch`` decides speed and memory; in float32 it can flip the sign of a gradient near zero, in float64 not. It is
    halved where a GPU runs out of memory. ``draws`` are those of all N images. ``model`` is None for methods without a
    network. A killed attack goes on from ``state`` and ends with the same bytes; the caller finishes the state. Global
    random generators are seeded for each batch, so that this holds for attacks of the user's own too.
    """
    attack = ATTACKS.get(method) or Attack(own_attack(method))
    arguments, facts = _on_source(model, images, labels, parameters(method, budget), batch)
    done, made = state.load() if state else (0, {})
    progress, size = Progress(name, "image", len(images), say, done), attack.group or batch

    def work(part: slice) -> dict[str, Tensor]:
        _seed_globally(derive(draws.seed, "batch", part.start))
        seeded = {"draws": draws.part(part)} if attack.draws else {}
        return _measured(attack.function, model, as_pixels(images[part]), labels[part], arguments | seeded)

    for part, new in in_batches(len(images), size, work, say, done=done, fixed=attack.group is not None):
        made = {key: torch.cat([made[key].to(new[key].device), new[key]]) if made else new[key] for key in new}
        if state and (attack.resumable or state.due()):
            state.save(part.stop, made)
        progress.step(part.stop)
    return AdversarialSet(**{key: tensor.to(images.device) for key, tensor in made.items()}, facts=facts)


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


def _measured(
    function: Callable[..., Tensor | Made],
    model: nn.Module | None,
    x: Tensor,
    labels: Tensor,
    arguments: dict[str, Any],
) -> dict[str, Tensor]:
    """One batch attacked: the tensors of an `AdversarialSet`."""
    made = function(model, x, labels, **arguments)
    if isinstance(made, Tensor):
        made = Made(made, torch.ones(len(x), dtype=torch.bool, device=x.device))
    distance = (made.images - x).square().mean((1, 2, 3)).float()
    return {"images": to_bytes(made.images), "valid": made.valid, "distance": distance}
