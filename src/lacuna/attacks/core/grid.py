"""All budgets of one attack on one source: what the file of an adversarial set holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.flatness import find_flat
from lacuna.attacks.core.folding import fold_batch_norm
from lacuna.attacks.core.run import AdversarialSet, Attack, Given, adversarial_images
from lacuna.data.brought import file_names
from lacuna.errors import LacunaError
from lacuna.evaluation.predictions import predict
from lacuna.files.artefacts import stable_part
from lacuna.files.contents import read_adversarial
from lacuna.files.states import Resumable
from lacuna.jobs.progress import Say
from lacuna.numerics.seeding import derive


@dataclass(frozen=True)
class Attacked:
    """The images under attack, uint8 (N, C, H, W), with labels int64 (N,) on the same device, and their ids (N,) on
    the CPU.
    """

    ids: Tensor
    images: Tensor
    labels: Tensor


@dataclass
class Grid:
    """``tensors`` of the file, ``facts`` for its provenance, and the states to finish once it is written."""

    tensors: dict[str, Tensor]
    facts: dict[str, dict[str, float | None]] = field(default_factory=dict)
    states: list[Resumable] = field(default_factory=list)

    def add(self, code: str, made: AdversarialSet, after: Tensor) -> None:
        """One budget's set; ``after`` int64 (N,) is what the source says of it, -1 without one."""
        self.tensors |= {f"{code}.images": made.images, f"{code}.source_adversarial": after}
        self.tensors |= {f"{code}.valid": made.valid, f"{code}.distance": made.distance}
        self.tensors |= {f"{code}.{extra}": tensor for extra, tensor in made.extras.items()}


def attack_grid(
    settings: Mapping[str, Any],
    model: nn.Module | None,
    chosen: Attacked,
    *,
    target: Path,
    digest: str,
    batch: int,
    say: Say,
    other: Mapping[str, Tensor] | None = None,
    **what: Any,
) -> Grid:
    """Attacks ``model`` (None for sets without a source) with each budget of the ``settings`` of the rule attack.

    What is done is kept beside ``target``, for ``digest`` alone. ``other`` is the set that changes are scaled to,
    `like_of`; ``what`` goes into `Given`: foreground, saliency, files.
    """
    network = settings["network"]
    source = network["model"] if network else "none"
    victim = fold_batch_norm(model) if model and settings["fold_batch_norm"] else model
    images, labels = chosen.images, chosen.labels
    like = AdversarialSet.read(other, settings["like"], str(images.device)) if other else None
    grid = Grid({"image": chosen.ids, "label": labels, "source_clean": predict(model, images, batch)})
    grid.tensors["source_flat"] = find_flat(model, images, labels, batch, say)
    for code, budget in settings["budgets"].items():
        attack = Attack(f"{code} on {source}", settings["method"], budget)
        draws = Draws(derive(settings["seed"], "attack", code, source), tuple(chosen.ids.tolist()))
        state = Resumable(target.parent / "state" / f"{target.stem}.{code}.safetensors", digest)
        given = Given(draws, like=like, **what)
        made = adversarial_images(victim, images, labels, attack, given, batch=batch, say=say, state=state)
        after = predict(model, made.images, batch)
        grid.add(code, made, after)
        grid.facts[code] = made.report(images)
        if model:
            share = after.ne(labels.cpu()).double().mean().item()
            grid.facts[code]["fooled_source_share"] = round(share, 6)
            say(f"{attack.name}: the source is fooled on {share:.1%} of {len(labels)} images")
        grid.states.append(state)
    return grid


def like_of(path: str, data: dict[str, Tensor], ids: Tensor) -> dict[str, Tensor]:
    """The adversarial set that changes are scaled to. Raises `LacunaError` where it is of other images than ``ids``."""
    other = read_adversarial(path, data)
    if not torch.equal(other["image"], ids):
        raise LacunaError(f"{path} is of other images than the attack's selection; allowed: the same selection")
    return other


def files_of(dataset: Mapping[str, Any], images: str, ids: Tensor) -> Sequence[str]:
    """File names of the test images with these ids, for methods that find the images' counterparts by name.

    ``dataset`` has the source and classes, ``images`` is the dataset's file, whose provenance knows the order.
    """
    order = stable_part(images)["facts"].get("order", "")
    names = file_names(dataset["source"], dataset["classes"], "test", order)
    return [names[image] for image in ids.tolist()]
