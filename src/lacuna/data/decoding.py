"""Whole photographs as tensors: torchvision's JPEG decoder, on a processor or a GPU, and Pillow for the rest."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg, encode_jpeg

from lacuna.data.folder import read_picture
from lacuna.data.index import as_tensor

warnings.filterwarnings("ignore", "The image decoding and encoding", DeprecationWarning)  # one for each image
MODES = {1: ImageReadMode.GRAY, 3: ImageReadMode.RGB}


class File(NamedTuple):
    """The bytes of an image file, and whether it is a plain JPEG (`lacuna.data.index.Entry`)."""

    path: Path
    content: bytes
    plain: bool


def decoder_for(device: str) -> str:
    """Where JPEG files are decoded for a network on ``device``: cuda where torchvision can decode there, else cpu.

    A GPU's decoder rounds in other ways than a processor's.
    """
    if device != "cuda":
        return "cpu"
    try:
        decode_jpeg(encode_jpeg(torch.zeros(3, 16, 16, dtype=torch.uint8)), device=device)
    except RuntimeError:  # built without nvJPEG, or a driver without it
        return "cpu"
    return device


def decode(file: File, channels: int, decoder: str = "cpu") -> Tensor:
    """The upright picture uint8 (C, H, W) of a file, on the decoder's device.

    What the decoder refuses, Pillow reads on the processor. Raises the errors of `lacuna.data.folder.read_picture`.
    """
    if file.plain:
        try:
            return decode_jpeg(as_tensor(file.content), MODES[channels], decoder)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:  # damaged, or of a kind that this decoder does not know
            pass
    return channels_first(np.array(read_picture(file.path, channels, file.content))).to(decoder)


def decode_all(files: Sequence[File], channels: int, decoder: str) -> list[Tensor]:
    """The pictures of files, those of plain JPEG files all at once, which a GPU does sooner than one by one."""
    plain = [file for file in files if file.plain]
    try:
        together = decode_jpeg([as_tensor(file.content) for file in plain], MODES[channels], decoder) if plain else []
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:  # one of them is refused
        return [decode(file, channels, decoder) for file in files]
    found = iter(together)
    return [next(found) if file.plain else decode(file, channels, decoder) for file in files]


def channels_first(image: np.ndarray) -> Tensor:
    """Pixels uint8 (H, W) or (H, W, C), which may be written to, as a tensor (C, H, W)."""
    pixels = torch.from_numpy(image)
    return (pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)).contiguous()
