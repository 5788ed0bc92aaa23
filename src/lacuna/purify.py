"""Defenses that clean an image before the network sees it: JPEG, fewer bits, median, total variation.

Each maps images (B, C, H, W) in [0, 1], float, to such images of the same type and device, each image by itself. They
go through libraries on the CPU and have no gradient: an attack does not see them.

What each takes is declared above it, in `READY`, which the configuration is checked against. Torch and numpy are
imported where they are needed: the workflow reads the declarations.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lacuna.errors import LacunaError
from lacuna.language.methods import Budget, Images, Parameter, Refusal, Signature, Value

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    Array = np.ndarray[Any, Any]

MODES = {1: "L", 3: "RGB"}  # Pillow's names, by the number of channels
READY: dict[str, Signature] = {}  # what each defense takes besides images, by its name


def takes(*required: Parameter, **more: Any) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Declares what the function below takes; ``more`` are further fields of `lacuna.language.methods.Signature`."""

    def declare(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        name = function.__name__
        READY[name] = Signature(function=f"lacuna.purify:{name}", required=required, **more)
        return function

    return declare


def _refuse_channels(arguments: Budget, images: Images) -> Refusal:
    return None if images.channels in MODES else ("quality", "images of 1 or 3 channels, as JPEG files have")


@takes(
    Parameter("quality", Value.integer(1, 95)),
    optional=(Parameter("subsampling", Value.choice("4:4:4", "4:2:2", "4:2:0")),),
    refuse_images=_refuse_channels,
)
def jpeg(x: Tensor, *, quality: int, subsampling: str = "4:2:0") -> Tensor:
    """Saves the images, 8 bit, as JPEG with Pillow and reads them back.

    ``quality`` 1 to 95, Pillow's scale; ``subsampling`` 4:4:4, 4:2:2 or 4:2:0 (Pillow's default) of the colours, of
    which greyscale has none. Raises `LacunaError` for other numbers of channels than 1 and 3.
    """
    from lacuna.numerics.images import to_bytes

    return _each(lambda image: decoded(jpeg_bytes(image, quality, subsampling)), to_bytes(x), x)


def jpeg_bytes(image: Array, quality: int, subsampling: str = "4:2:0") -> bytes:
    """The JPEG file of one image uint8 (C, H, W), with standard Huffman tables, as Pillow writes it by default."""
    file = io.BytesIO()
    picture(image).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return file.getvalue()


def picture(image: Array) -> Any:
    """A Pillow image of uint8 (C, H, W) with 1 or 3 channels."""
    import numpy as np
    from PIL import Image

    if len(image) not in MODES:
        raise LacunaError(f"an image has {len(image)} channels; allowed for image files: 1 or 3")
    return Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))


def decoded(content: bytes) -> Array:
    """The image uint8 (C, H, W) in a file's bytes."""
    import numpy as np
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(content)))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


@takes(Parameter("bits", Value.integer(1, 8)))
def bit_depth(x: Tensor, *, bits: int) -> Tensor:
    """Rounds every value to the nearest of 2 ** ``bits`` levels, 0 and 1 among them; ``bits`` 1 to 8."""
    levels = 2**bits - 1
    return x.mul(levels).round_().div_(levels)


def _refuse_window(arguments: Budget, images: Images) -> Refusal:
    return ("size", f"at most {images.side}, the images' size") if arguments["size"] > images.side else None


@takes(Parameter("size", Value.integer(2, 31)), refuse_images=_refuse_window)
def median(x: Tensor, *, size: int) -> Tensor:
    """The median of ``size`` x ``size`` pixels around each, per channel, mirrored at the edge (scipy).

    ``size`` 2 to 31.
    """
    from scipy.ndimage import median_filter

    return _back(median_filter(x.detach().cpu().numpy(), size=(1, 1, size, size), mode="reflect"), x)


@takes(Parameter("weight", Value.number("a number above 0 and at most 10", exclusiveMinimum=0, maximum=10)))
def total_variation(x: Tensor, *, weight: float) -> Tensor:
    """Chambolle's total-variation denoising, all channels of an image together (scikit-image, its default ending).

    A larger ``weight`` leaves less detail; for pixels in [0, 1] about 0.05 to 0.3.
    """
    from skimage.restoration import denoise_tv_chambolle

    denoised = _each(lambda image: denoise_tv_chambolle(image, weight=weight, channel_axis=0), x, x, scale=1)
    return denoised.clamp_(0, 1)


def _each(function: Callable[[Array], Array], images: Tensor, like: Tensor, scale: int = 255) -> Tensor:
    """The function on each image, divided by ``scale``, as a tensor like ``like``."""
    import numpy as np

    made = [function(image) for image in images.detach().cpu().numpy()]
    return _back(np.stack(made), like).div_(scale) if made else like.clone()


def _back(images: Array, like: Tensor) -> Tensor:
    import numpy as np
    import torch

    return torch.from_numpy(np.ascontiguousarray(images)).to(like)
