"""Finds the foreground of images: pixels above zero, a model or network of any kind, GrabCut, or files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from lacuna.data.folder import find_images, fitted, image_files, inspect_image, read_picture, unchanged
from lacuna.data.own_files import own_files
from lacuna.data.own_paths import OWN_KINDS
from lacuna.errors import LacunaError
from lacuna.files.states import Resumable
from lacuna.foreground.saliency import saliency_model
from lacuna.foreground.segmentation import Segmentation
from lacuna.foreign.states import Snapshot
from lacuna.jobs.progress import Progress, Say
from lacuna.numerics.device import run_batches
from lacuna.numerics.images import as_pixels

Find = Callable[[Tensor, Tensor], Tensor]  # images uint8 and labels -> pixels of the foreground
PROBE = 16  # images that a model is asked about again
SLOW_PROBE = 2  # of a network that takes seconds for an image
FLIPPED = 1e-3  # of their pixels: rounding may move so many over a threshold


@dataclass(frozen=True)
class Finder:
    """What finds foregrounds a batch at a time, and its ``label``.

    ``find`` takes images uint8 (B, C, H, W) and labels int64 (B,), on one device, and gives pixels bool (B, H, W). It
    must leave ``model`` as it is, and give the first ``probe`` images the same pixels when it is asked again. At most
    ``at_most`` images are one step, so that a slow search is often saved.
    """

    label: str
    find: Find
    model: nn.Module | None = None
    probe: int = PROBE
    at_most: int | None = None


@dataclass(frozen=True)
class FoundPixels:
    """The foreground of N images: ``pixels`` bool (N, H, W), on the CPU; ``label`` says how they were found.

    The foreground of an image may be empty, or the whole image. Both are used as they are.
    """

    pixels: Tensor
    label: str

    @property
    def fraction(self) -> Tensor:
        """The foreground's share of each image, float32 (N,)."""
        return self.pixels.float().mean((1, 2))

    @property
    def facts(self) -> dict[str, Any]:
        """What the provenance says: the label, the mean share, how many foregrounds are empty and how many full."""
        share = self.pixels.double().mean((1, 2))
        return {
            "masks": self.label,
            "images": len(share),
            "mean_fraction": round(share.mean().item(), 6),
            "empty": int(share.eq(0).sum()),
            "full": int(share.eq(1).sum()),
        }


def find_foreground(
    settings: Mapping[str, Any],
    images: Tensor,
    labels: Tensor,
    *,
    split: str,
    classes: Sequence[str],
    source: Mapping[str, Any],
    device: str,
    batch: int,
    say: Say,
    network: Path | None = None,
    state: Resumable | None = None,
) -> FoundPixels:
    """The foreground of images uint8 (N, C, H, W) with labels int64 (N,).

    ``settings`` is the key foreground.masks of a dataset. Its ``kind`` is one of

    * nonzero: pixels above zero in any channel;
    * saliency: ``model`` as in `saliency_model`, ``threshold`` as in `above_midrange`;
    * grabcut: as in `lacuna.foreground.grabcut`;
    * onnx: the ``network`` file, with settings as `lacuna.foreground.published.network_settings` completes them;
    * segmentation: ``network`` of torchvision, ``class_of`` maps classes of the dataset to classes of the network;
    * folder: ``path`` holds one file per image.

    ``classes`` are the dataset's class names; ``source`` says where the dataset's images come from. Models and networks
    go on from ``state`` after a kill, and end with the same bytes; the caller finishes the state. Raises `LacunaError`
    where weights or files are missing or do not fit.
    """
    if settings["kind"] == "nonzero":
        return FoundPixels((images > 0).any(1).cpu(), "pixels above zero")
    if settings["kind"] == "folder":
        pixels = _folder_foreground(Path(settings["path"]), images, labels, classes, source, split)
        return FoundPixels(pixels, f"masks in {settings['path']}")
    finder = _finder(settings, classes, network, device)
    return FoundPixels(_find_in_batches(finder, images, labels, device, batch, say, state), finder.label)


def _finder(settings: Mapping[str, Any], classes: Sequence[str], network: Path | None, device: str) -> Finder:
    """What finds foregrounds of the other kinds. Libraries that only one kind needs are imported for it."""
    if settings["kind"] == "grabcut":
        from lacuna.foreground.grabcut import LABEL, cut_objects

        return Finder(LABEL, lambda images, _: cut_objects(images))
    if settings["kind"] == "onnx":
        return _of_file(settings, network)
    if settings["kind"] == "segmentation":
        parts = Segmentation.pretrained(settings["network"], settings["class_of"], classes).to(device)
        return Finder(parts.label, lambda images, labels: parts.foreground(as_pixels(images), labels), parts)
    model, threshold = saliency_model(settings["model"]).to(device), settings["threshold"]
    label = f"{threshold.replace('_', ' ')} above its midrange; {model.label}"
    return Finder(label, lambda images, _: above_midrange(model(as_pixels(images)), threshold), model)


def _of_file(settings: Mapping[str, Any], network: Path | None) -> Finder:
    from lacuna.foreground.onnx_network import OnnxNetwork

    assert network, "the rule has the file among its inputs"
    found, threshold = OnnxNetwork(network, settings), settings["threshold"]
    label = f"ONNX network {settings['network']}, threshold {threshold:g}"
    how: dict[str, Any] = {"probe": SLOW_PROBE, "at_most": found.batch}
    return Finder(label, lambda images, _: found.probabilities(images) > threshold, **how)


@torch.no_grad()
def _find_in_batches(
    finder: Finder, images: Tensor, labels: Tensor, device: str, batch: int, say: Say, state: Resumable | None
) -> Tensor:
    """What is found. Raises `LacunaError` where a model changes, or finds other pixels when it is asked again."""
    before = Snapshot(finder.model) if finder.model else None

    def work(part: slice) -> Tensor:
        return finder.find(images[part].to(device), labels[part].to(device)).cpu()

    done, kept = state.load() if state else (0, {})
    pieces, progress = [*kept.values()], Progress("foreground", "image", len(images), say, done)
    for part, found in run_batches(len(images), min(batch, finder.at_most or batch), work, say, done=done):
        pieces.append(found)
        _report(part, progress)
        if state and part.stop < len(images) and state.due():
            state.save(part.stop, {"mask": torch.cat(pieces)})
    whole = torch.cat(pieces)
    other = work(slice(0, finder.probe)).ne(whole[: finder.probe]).double().mean().item()
    if other > FLIPPED:
        raise LacunaError(
            f"{finder.label} found {other:.1%} other pixels when it was asked again; allowed: one answer per image"
        )
    if before and finder.model:
        before.refuse_change(finder.label, finder.model, "itself")
    return whole


def _report(part: slice, progress: Progress) -> None:
    """Says how far it is after each twentieth of the images; a single batch has no report."""
    steps = [20 * place // progress.total for place in (part.start, part.stop)]
    if steps[0] < steps[1] and (part.start, part.stop) != (0, progress.total):
        progress.step(part.stop)


def above_midrange(density: Tensor, threshold: str) -> Tensor:
    """Where a density (B, H, W), or its logarithm, is above the mean of its extremes in the image (Section 3.3).

    ``threshold`` is density or log_density. The paper speaks of the density. But a density has a narrow peak, so that
    its midrange leaves a small core, while the paper speaks of 50 to 60 % of the image. A uniform density has no
    foreground.
    """
    values = density.log() if threshold == "log_density" else density
    lowest, highest = values.amin((1, 2), keepdim=True), values.amax((1, 2), keepdim=True)
    return values > (lowest + highest) / 2


def _folder_foreground(
    root: Path, images: Tensor, labels: Tensor, classes: Sequence[str], source: Mapping[str, Any], split: str
) -> Tensor:
    """The foreground from one file per image, in which pixels above zero are foreground.

    The files lie in <root>/<split>/<class>/, those of a dataset with partitions in <root>/. Where the user brings the
    images, a file has the name of its image, with any image ending. Else the files are in the order of the images.
    """
    height, width = images.shape[2:]
    if source["kind"] in OWN_KINDS:
        listed = own_files(source, list(classes), split)
        _refuse_others(source, labels, [file.label for file in listed])
        folder = root if source["kind"] == "partitions" else root / split
        files = find_images(folder, [file.name for file in listed])
        photographs: list[Path | None] = [file.path for file in listed]
    else:
        files = _counted(root / split, labels, classes, split)
        photographs = [None] * len(files)
    resize = source.get("resize", "exact")
    with unchanged(files):
        masks = [_mask(*pair, (height, width), resize) for pair in zip(files, photographs, strict=True)]
        return torch.from_numpy(np.stack(masks))


def _mask(path: Path, photograph: Path | None, size: tuple[int, int], resize: str) -> np.ndarray:
    """The foreground in a file, bool (H, W) of the dataset's ``size``.

    A file of its photograph's size is resized as its photograph is: pixels are foreground where at least half is.
    """
    picture = read_picture(path, 1)
    pixels = np.asarray(picture) > 0
    if pixels.shape == size:
        return pixels
    whole = inspect_image(photograph, photograph.read_bytes())[0] if photograph else size
    if pixels.shape != whole:
        sizes = " or ".join(f"{width} x {height}" for height, width in dict.fromkeys([size, whole]))
        raise LacunaError(f"{path} is {picture.width} x {picture.height}; allowed: {sizes}, the size of its image")
    return np.asarray(fitted(Image.fromarray(np.uint8(255) * pixels), size, resize)) >= 128


def _refuse_others(source: Mapping[str, Any], labels: Tensor, found: list[int]) -> None:
    if found != labels.tolist():
        raise LacunaError(f"the files below {source['path']} are not those that were read; delete its dataset stage")


def _counted(folder: Path, labels: Tensor, classes: Sequence[str], split: str) -> list[Path]:
    files = [image_files(folder / name) for name in classes]
    if (counts := [len(part) for part in files]) != torch.bincount(labels, minlength=len(classes)).tolist():
        raise LacunaError(f"{folder} has {counts} files per class; allowed: one per image of the split {split}")
    return [path for part in files for path in part]
