"""How adversarial images look beside clean ones: quality measures of pyiqa, file sizes, distinct colours.

Images are uint8 (N, C, H, W) with one channel or three. Every measure gives float64 (N,) on the CPU.
"""

import io
import math
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lacuna.errors import LacunaError
from lacuna.files.artefacts import write_text
from lacuna.numerics.images import as_pixels
from lacuna.purify import jpeg_bytes, picture

PYIQA = {  # measure -> pyiqa's name, and the smallest side that it takes
    "psnr": ("psnr", 1),  # decibels, over all channels; 80 for equal images
    "ssim": ("ssimc", 11),  # mean over the channels, not of the luma
    "ms_ssim": ("ms_ssim", 161),  # of the luma
    "gmsd": ("gmsd", 8),  # of the luma; 0 for equal images, lower is better
    "fsim": ("fsim", 8),  # with colour (FSIMc)
    "vif": ("vif", 33),  # asymmetric: it can exceed 1 where the second image has more contrast
    "lpips": ("lpips", 32),  # AlexNet; needs weights that pyiqa fetches; lower is better
}
FETCHED = ("lpips",)  # pyiqa's names of those that need weights
FAILED, AGAIN = Path("results/downloads"), 3600  # where a failed try is noted, and seconds for which no other is made
BATCH = 32
JPEG_QUALITY = 75  # of file sizes; Pillow's default, 4:2:0
PATCH = 16  # side of the patch whose colours are counted
SHEET = 64  # least number of images in a contact sheet: the file of one small image is mostly header
MeasureFunction = Callable[[Tensor, Tensor], Tensor]


def measure_quality(name: str, clean: Tensor, adversarial: Tensor) -> Tensor:
    """One of `QUALITY_MEASURES` of each adversarial image; NaN where `missing_reason` says why it cannot be had.

    Raises `LacunaError` for images of other than one or three channels.
    """
    if len(clean) != len(adversarial) or clean.shape[1:] != adversarial.shape[1:]:
        raise ValueError(f"clean images {tuple(clean.shape)} do not go with {tuple(adversarial.shape)}")
    if clean.shape[1] not in (1, 3):
        raise LacunaError(f"{name}: images have {clean.shape[1]} channels; allowed: 1 or 3")
    if missing_reason(name, (clean.shape[-2], clean.shape[-1]), str(clean.device)):
        return torch.full((len(clean),), math.nan, dtype=torch.float64)
    return QUALITY_MEASURES[name](clean, adversarial)


def missing_reason(name: str, size: tuple[int, int], device: str = "cpu") -> str | None:
    """Why a measure cannot be had for images of ``size`` (H, W), in one sentence; None where it can."""
    metric, smallest = PYIQA.get(name, ("", 1))
    if min(size) < smallest:
        return f"{name} needs images of at least {smallest} x {smallest}, these are {size[0]} x {size[1]}"
    loaded = _metric(metric, device) if metric else None
    return f"{name} cannot be had: {loaded}" if isinstance(loaded, str) else None


@cache
def _metric(metric: str, device: str) -> Any:
    """pyiqa's metric, or a text that says why there is none, for example weights that cannot be fetched."""
    if metric not in FETCHED:
        return _created(metric, device)
    note = FAILED / f"{metric}.failed"
    with suppress(OSError):
        if time.time() - note.stat().st_mtime < AGAIN:
            return f"{note.read_text()}; it is tried again after an hour, or once {note} is deleted"
    found = _created(metric, device)
    if isinstance(found, str):
        with suppress(OSError):
            write_text(str(note), found)
    return found


def _created(metric: str, device: str) -> Any:
    import pyiqa

    if (metric, device) == ("ssimc", "cpu"):
        return _ssim
    try:
        return pyiqa.create_metric(metric, device=torch.device(device))
    except (OSError, RuntimeError, ValueError) as error:
        return f"pyiqa gave {type(error).__name__} ({' '.join(str(error).split())[:120]})"


def _ssim(distorted: Tensor, reference: Tensor) -> Tensor:
    """pyiqa's ``ssimc``, float64 (B,), of images (B, C, H, W) in [0, 1]. They differ by the float32 window of pyiqa.

    scikit-image filters rows, then columns: a pair of 224 x 224 takes a core 16 ms. pyiqa's window takes 600 ms.
    """
    from skimage.metrics import structural_similarity

    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 0}
    pairs = zip(*((images * 255).round().double().numpy() for images in (distorted, reference)), strict=True)
    maps = [structural_similarity(*pair, data_range=255, full=True, **window)[1] for pair in pairs]
    inner = torch.from_numpy(np.stack(maps))[..., 5:-5, 5:-5]  # where the window of 11 lies within the image
    return inner.relu().mean((1, 2, 3))


def _pyiqa(name: str) -> MeasureFunction:
    return lambda clean, adversarial: similarity(name, as_pixels(clean), as_pixels(adversarial))


@torch.no_grad()
def similarity(name: str, reference: Tensor, distorted: Tensor) -> Tensor:
    """A measure of `PYIQA`, float64 (B,) on the CPU, of images (B, 1 or 3, H, W) in [0, 1] on any device.

    pyiqa takes the distorted image first, then the reference, in three channels.
    """
    metric, parts = _metric(PYIQA[name][0], str(reference.device)), []
    if isinstance(metric, str):
        raise LacunaError(f"{name} cannot be had: {metric}")
    for start in range(0, len(reference), BATCH):
        pair = (images[start : start + BATCH].expand(-1, 3, -1, -1) for images in (distorted, reference))
        parts.append(metric(*pair).flatten().double().cpu())
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)


def file_sizes(images: Tensor, kind: str) -> Tensor:
    """Size in bytes of each image's file: ``png`` as Pillow writes it, or ``jpeg`` of quality 75, 4:2:0."""
    return torch.tensor([len(_file(image, kind)) for image in images.cpu().numpy()], dtype=torch.float64)


def _file(image: "np.ndarray[Any, Any]", kind: str) -> bytes:
    if kind == "jpeg":
        return jpeg_bytes(image, JPEG_QUALITY)
    file = io.BytesIO()
    picture(image).save(file, "PNG")
    return file.getvalue()


def contact_sheet(images: Tensor, columns: int) -> Tensor:
    """One image uint8 (C, H', W') that shows all images, row by row; places without an image are black.

    The edge of each image is repeated up to a multiple of 8 pixels. The 8 x 8 blocks of a JPEG then never lie on two
    images, and are the blocks of the attack.
    """
    count, channels, height, width = images.shape
    padded = F.pad(images.float(), (0, -width % 8, 0, -height % 8), mode="replicate").to(torch.uint8)
    rows = -(-count // columns)
    tiles = torch.cat([padded, padded.new_zeros(rows * columns - count, *padded.shape[1:])])
    grid = tiles.view(rows, columns, channels, *padded.shape[2:]).permute(2, 0, 3, 1, 4)
    return grid.reshape(channels, rows * padded.shape[2], columns * padded.shape[3])


def contact_sheet_sizes(images: Tensor, columns: int) -> dict[str, int]:
    """Sizes in bytes of one file with all images, as ``png`` and as ``jpeg``. Raises ValueError for fewer than 64."""
    if len(images) < SHEET:
        raise ValueError(f"a contact sheet of {len(images)} images says little; allowed: at least {SHEET}")
    sheet = contact_sheet(images, columns).cpu().numpy()
    return {kind: len(_file(sheet, kind)) for kind in ("png", "jpeg")}


def centre_patch(size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the patch in the middle of an image (H, W): 16 x 16 pixels, or the image where smaller."""
    height, width = (min(PATCH, side) for side in size)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return slice(top, top + height), slice(left, left + width)


def count_colours(images: Tensor) -> Tensor:
    """How many distinct colours, or levels of a single channel, stand in the `centre_patch` of each image."""
    rows, columns = centre_patch((images.shape[-2], images.shape[-1]))
    pixels = images[:, :, rows, columns].flatten(2).transpose(1, 2).cpu()
    return torch.tensor([len(image.unique(dim=0)) for image in pixels], dtype=torch.float64)


def _ratio(kind: str) -> MeasureFunction:
    return lambda clean, adversarial: file_sizes(adversarial, kind) / file_sizes(clean, kind)


def _sheet_ratio(kind: str) -> MeasureFunction:
    """Size of the contact sheet of all images over the size of the clean one: the same value for every image."""

    def ratio(clean: Tensor, adversarial: Tensor) -> Tensor:
        if len(clean) < SHEET:
            return torch.full((len(clean),), math.nan, dtype=torch.float64)
        columns = math.isqrt(len(clean) - 1) + 1
        sizes = [contact_sheet_sizes(images, columns)[kind] for images in (adversarial, clean)]
        return torch.full((len(clean),), sizes[0] / sizes[1], dtype=torch.float64)

    return ratio


QUALITY_MEASURES: dict[str, MeasureFunction] = {
    **{name: _pyiqa(name) for name in PYIQA},
    "png_bytes": lambda clean, adversarial: file_sizes(adversarial, "png"),
    "jpeg_bytes": lambda clean, adversarial: file_sizes(adversarial, "jpeg"),
    "png_ratio": _ratio("png"),
    "jpeg_ratio": _ratio("jpeg"),
    "sheet_png_ratio": _sheet_ratio("png"),
    "sheet_jpeg_ratio": _sheet_ratio("jpeg"),
    "colours": lambda clean, adversarial: count_colours(adversarial),
    "colours_clean": lambda clean, adversarial: count_colours(clean),
}
