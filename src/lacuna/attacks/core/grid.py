"""Runs all budgets of one attack on one source, and collects what the file of an adversarial set holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.flatness import find_flat
from lacuna.attacks.core.folding import fold_batch_norm
from lacuna.attacks.core.margins import margins_of
from lacuna.attacks.core.run import AdversarialSet, Attempt, Supplies, adversarial_images, seed_globally
from lacuna.data.folder import find_images, unchanged
from lacuna.data.own_files import file_names
from lacuna.errors import LacunaError
from lacuna.evaluation.predictions import predict
from lacuna.files.artefacts import stable_part
from lacuna.files.contents import IMAGES, read_adversarial
from lacuna.files.states import Resumable
from lacuna.foreign.probes import PROBE, doubts_as_tensors, doubts_of, repeats
from lacuna.jobs.progress import Say
from lacuna.language.attacks import MARGIN, METHODS, method_of
from lacuna.language.doubts import ATTACK_DRAWS, JPEG_BLOCKS
from lacuna.numerics.device import run_batches
from lacuna.numerics.images import as_pixels
from lacuna.numerics.seeding import derive


@dataclass(frozen=True)
class Originals:
    """The clean images under attack, uint8 (N, C, H, W), and their labels, int64 (N,), on the same device.

    The ``ids`` of the images, int64 (N,), are on the CPU.
    """

    ids: Tensor
    images: Tensor
    labels: Tensor


@dataclass
class Grid:
    """The ``tensors`` of a file and the ``facts`` of its provenance.

    The caller finishes the ``states`` once the file is written.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, dict[str, float | None]] = field(default_factory=dict)
    states: list[Resumable] = field(default_factory=list)

    def add(self, code: str, made: AdversarialSet, after: Tensor) -> None:
        """Adds the set of a budget; ``after`` int64 (N,) are the source's classes for it, -1 without a source."""
        self.tensors |= {f"{code}{IMAGES}": made.images, f"{code}.source_adversarial": after}
        self.tensors |= {f"{code}.{part}": getattr(made, part) for part in ("valid", "distance", "distance_8bit")}
        self.tensors |= {f"{code}.{extra}": tensor for extra, tensor in made.extras.items()}


def attack_grid(
    settings: Mapping[str, Any],
    model: nn.Module | None,
    originals: Originals,
    *,
    target: Path,
    digest: str,
    batch: int,
    say: Say,
    other: Mapping[str, Tensor] | None = None,
    known: Sequence[str] = (),
    **what: Any,
) -> Grid:
    """Attacks a model with each budget of the ``settings`` of the rule attack.

    ``model`` is None for sets without a source. The states lie beside ``target`` and hold for ``digest`` alone.
    ``other`` is the set whose changes decide how large these are (`read_like`). ``known`` are doubts about the images
    (`doubts_of_files`). ``what`` are further `Supplies`: foreground, saliency, files.
    """
    network = settings["network"]
    source = network["model"] if network else "none"
    victim = fold_batch_norm(model) if model and settings["fold_batch_norm"] else model
    images, labels = originals.images, originals.labels
    like = AdversarialSet.read(other, settings["like"], str(images.device)) if other else None
    grid = Grid({"image": originals.ids, "label": labels, "source_clean": predict(model, images, batch)})
    grid.tensors["source_flat"] = find_flat(model, images, labels, batch, say)
    doubts = doubts_of(images, model, what.get("saliency"))
    grid.tensors |= doubts_as_tensors([*doubts, *_doubts(settings, victim, originals), *known])
    with unchanged(_brought(settings, what.get("files", ()))):
        for code, budget in settings["budgets"].items():
            attempt = Attempt(f"{code} on {source}", settings["method"], budget)
            seeds = derive(settings["seed"], "attack", code, source), derive(settings["seed"], "attacks")
            draws = Draws(seeds[0], tuple(originals.ids.tolist()), seeds[1])
            state = Resumable(target.parent / "state" / f"{target.stem}.{code}.safetensors", digest, say)
            supplies = Supplies(draws, like=like, **what)
            made = adversarial_images(victim, images, labels, attempt, supplies, batch=batch, say=say, state=state)
            after = torch.full((len(images),), -1)
            if model:
                after, grid.tensors[f"{code}.{MARGIN}"] = answers(model, made.images, labels, batch, say)
            grid.add(code, made, after)
            grid.facts[code] = made.report(images)
            if model:
                share = after.ne(labels.cpu()).double().mean().item()
                grid.facts[code]["fooled_source_share"] = round(share, 6)
                say(f"{attempt.name}: the source is fooled on {share:.1%} of {len(labels)} images")
            grid.states.append(state)
    return grid


@torch.no_grad()
def answers(model: nn.Module, images: Tensor, labels: Tensor, batch: int, say: Say) -> tuple[Tensor, Tensor]:
    """Classes int64 (N,), and margins float32 (N,) of the logits, of images uint8 (N, C, H, W) on the model's device.

    Both are on the CPU. Where a GPU runs out of memory the batch is halved.
    """

    def work(part: slice) -> tuple[Tensor, Tensor]:
        logits = model(as_pixels(images[part]))
        return logits.argmax(1).cpu(), margins_of(logits, labels[part]).float().cpu()

    classes, margins = zip(*(found for _, found in run_batches(len(images), batch, work, say)), strict=True)
    return torch.cat(classes), torch.cat(margins)


def _brought(settings: Mapping[str, Any], files: Sequence[str]) -> list[Path]:
    """The images that the user brings as adversarial sets, of test images with these names; none for most attacks."""
    if not method_of(settings["method"]).files:
        return []
    return [path for budget in settings["budgets"].values() for path in find_images(Path(budget["path"]), files)]


def _doubts(settings: Mapping[str, Any], victim: nn.Module | None, originals: Originals) -> list[str]:
    """The doubts about an attack of the user's own, by its first budget."""
    if settings["method"] in METHODS:
        return []
    attempt = Attempt("", settings["method"], next(iter(settings["budgets"].values())))
    function, arguments = attempt.function(), attempt.arguments()
    x, labels = as_pixels(originals.images[:PROBE]), originals.labels[:PROBE]
    make = partial(cast("Callable[..., Tensor]", function), victim, x, labels, **arguments)
    alike = repeats(make, partial(seed_globally, settings["seed"]))
    return [] if alike else [ATTACK_DRAWS]


def doubts_of_files(method: str, images: str) -> list[str]:
    """The doubts about an attack on a dataset that follow from how its images were saved.

    ``images`` is the file of the dataset, whose provenance says whether they are JPEG files.
    """
    blocks = METHODS[method].jpeg_blocks if method in METHODS else False
    return [JPEG_BLOCKS] if blocks and stable_part(images)["facts"].get("jpeg_blocks") else []


def read_like(path: str, data: dict[str, Tensor], ids: Tensor) -> dict[str, Tensor]:
    """The adversarial set that a budget with ``match`` follows, image by image.

    Raises `LacunaError` for a set of other images than ``ids``.
    """
    other = read_adversarial(path, data)
    if not torch.equal(other["image"], ids):
        raise LacunaError(f"{path} is of other images than the attack's selection; allowed: the same selection")
    return other


def selected_names(dataset: Mapping[str, Any], images: str, ids: Tensor) -> Sequence[str]:
    """The file names of the test images with these ids, for methods that find images by name.

    ``dataset`` has the source and the classes. ``images`` is the file of the dataset, whose provenance has the order of
    the files.
    """
    order = stable_part(images)["facts"].get("order", "")
    names = file_names(dataset["source"], dataset["classes"], "test", order)
    return [names[image] for image in ids.tolist()]
