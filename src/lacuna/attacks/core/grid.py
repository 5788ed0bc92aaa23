"""Runs all budgets of one attack on one source, and collects what the file of an adversarial set holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.flatness import NOT_FINITE, find_flat
from lacuna.attacks.core.folding import fold_batch_norm
from lacuna.attacks.core.margins import margins_of
from lacuna.attacks.core.quick import quick
from lacuna.attacks.core.run import AdversarialSet, Attempt, Supplies, adversarial_images
from lacuna.data.folder import find_images, unchanged
from lacuna.data.own_files import file_names
from lacuna.errors import LacunaError
from lacuna.files.artefacts import stable_part
from lacuna.files.contents import IMAGES, read_adversarial
from lacuna.files.states import Resumable
from lacuna.foreign.probes import PROBE, doubts_as_tensors, doubts_of, repeats
from lacuna.jobs.progress import Say
from lacuna.language.attacks import MARGIN, METHODS, method_of
from lacuna.language.doubts import ATTACK_DRAWS, BROKEN, JPEG_BLOCKS, NO_GRADIENT, STALLED, STALLED_SHARE
from lacuna.language.methods import CROSS_ENTROPY, Method
from lacuna.numerics.device import run_batches
from lacuna.numerics.images import as_pixels
from lacuna.numerics.seeding import derive, seed_globally


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

    def take(self, code: str, made: AdversarialSet, before: "Said | None", after: "Said | None", method: Method) -> str:
        """Adds the set of a budget with what the source says; the share it is fooled on, empty without a source."""
        if before is None or after is None:
            self.add(code, made, torch.full((len(made.images),), -1))
            return ""
        self.add(code, made, after.classes)
        self.tensors[f"{code}.{MARGIN}"] = after.margins
        self.note_course(code, method, before, after)
        share = after.classes.ne(self.tensors["label"].cpu()).double().mean().item()
        self.facts[code]["fooled_source_share"] = round(share, 6)
        return f"{share:.1%}"

    def note_course(self, code: str, method: Method, before: "Said", after: "Said") -> None:
        """Notes a doubt where the loss that an attack follows is no higher after it than ``before``, at many images.

        Counted are valid examples of images that the source gets right when clean, and for which no class is sought.
        """
        wanted = self.tensors.get(f"{code}.wanted", torch.tensor(-1)).cpu() >= 0
        right = before.classes == self.tensors["label"].cpu()
        counted = right & self.tensors[f"{code}.valid"].cpu() & ~wanted
        rose = after.losses > before.losses if method.loss == CROSS_ENTROPY else after.margins < before.margins
        if not method.loss or not counted.any():
            return
        stalled = (~rose)[counted].double().mean().item()
        if stalled > STALLED_SHARE:
            self.tensors |= doubts_as_tensors([STALLED], code)
            self.facts[code]["stalled_share"] = round(stalled, 6)


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
    victim = quick(victim, batch) if victim and settings.get("fast") else victim
    images, labels = originals.images, originals.labels
    like = AdversarialSet.read(other, settings["like"], str(images.device)) if other else None
    ask = partial(_ask, derive(settings["seed"], "answers", source), model, labels=labels, batch=batch, say=say)
    before = ask(images)
    clean = before.classes if before else torch.full((len(images),), -1)
    seed_globally(derive(settings["seed"], "attack", settings["method"], source))
    grid = Grid({"image": originals.ids, "label": labels, "source_clean": clean})
    grid.tensors["source_flat"] = find_flat(model, images, labels, batch, say)
    doubts = [*doubts_of(images, model, what.get("saliency")), *gradient_doubts(settings, grid)]
    grid.tensors |= doubts_as_tensors([*doubts, *_doubts(settings, victim, originals), *known])
    finished: list[tuple[Mapping[str, Any], AdversarialSet]] = []
    with unchanged(_brought(settings, what.get("files", ()))):
        for code, budget in settings["budgets"].items():
            attempt = Attempt(f"{code} on {source}", settings["method"], budget)
            seeds = derive(settings["seed"], "attack", code, source), derive(settings["seed"], "attacks")
            draws = Draws(seeds[0], tuple(originals.ids.tolist()), seeds[1])
            state = Resumable(target.parent / "state" / f"{target.stem}.{code}.safetensors", digest, say)
            supplies = Supplies(draws, like=like, **what)
            decisive = method_of(settings["method"]).decisive(budget)
            made = next((found for same, found in finished if same == decisive), None) or adversarial_images(
                victim, images, labels, attempt, supplies, batch=batch, say=say, state=state
            )
            finished.append((decisive, made))
            grid.facts[code] = made.report(images)
            if share := grid.take(code, made, before, ask(made.images), method_of(settings["method"])):
                say(f"{attempt.name}: the source is fooled on {share} of {len(labels)} images")
            grid.states.append(state)
    return grid


class Said(NamedTuple):
    """What a source says about images, on the CPU: ``classes`` int64 (N,), ``margins`` float32 (N,) of its logits.

    ``losses`` float64 (N,) are the cross-entropies of the labels.
    """

    classes: Tensor
    margins: Tensor
    losses: Tensor


def _ask(seed: int, model: nn.Module | None, images: Tensor, **how: Any) -> Said | None:
    """`answers`; what the source draws is the same before and after an attack. None without a source."""
    if model is None:
        return None
    seed_globally(seed)
    return answers(model, images, **how)


@torch.no_grad()
def answers(model: nn.Module, images: Tensor, labels: Tensor, batch: int, say: Say) -> Said:
    """What a model says about images uint8 (N, C, H, W) on its device.

    Where a GPU runs out of memory the batch is halved.
    """
    model.eval()

    def work(part: slice) -> tuple[Tensor, ...]:
        logits = model(as_pixels(images[part]))
        losses = F.cross_entropy(logits.double(), labels[part], reduction="none")
        return logits.argmax(1).cpu(), margins_of(logits, labels[part]).float().cpu(), losses.cpu()

    found = zip(*(found for _, found in run_batches(len(images), batch, work, say)), strict=True)
    return Said(*map(torch.cat, found))


def gradient_doubts(settings: Mapping[str, Any], grid: Grid) -> list[str]:
    """The doubts about the source's gradient at the clean images, where the attack follows it."""
    method, flat = method_of(settings["method"]), grid.tensors["source_flat"]
    if not settings["network"] or not method.loss or not method.pixels:
        return []
    return [BROKEN] * bool((flat == NOT_FINITE).any()) + [NO_GRADIENT] * bool((flat < 0).all())


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
