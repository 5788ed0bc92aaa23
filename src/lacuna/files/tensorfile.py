"""Safetensors files that are larger than memory: written a piece at a time, read through a memory map."""

import json
import struct
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

TYPES = {"U8": "u1", "I64": "<i8", "I32": "<i4", "F32": "<f4", "F64": "<f8", "BOOL": "?"}  # safetensors' and numpy's


def save_split(path: Path, labels: Tensor, shape: tuple[int, ...], pieces: Iterable[Tensor]) -> None:
    """Writes ``labels`` int64 (N,), and ``images`` uint8 of ``shape`` (N, C, H, W), a piece (n, C, H, W) at a time.

    The bytes are those of safetensors' own writer, which needs all images in memory, twice. Raises `ValueError` where
    the pieces do not add up to the shape.
    """
    labels_end = 8 * len(labels)
    images_end = labels_end + int(np.prod(shape))
    header = {
        "labels": {"dtype": "I64", "shape": [len(labels)], "data_offsets": [0, labels_end]},
        "images": {"dtype": "U8", "shape": list(shape), "data_offsets": [labels_end, images_end]},
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + labels.numpy().astype("<i8").tobytes())
        for piece in pieces:
            file.write(piece.contiguous().numpy().data)
        if file.tell() != 8 + len(text) + images_end:
            raise ValueError(f"{file.tell() - 8 - len(text) - labels_end} bytes of images, not those of {shape}")


def map_file(path: Path | str) -> dict[str, Tensor]:
    """Named tensors of a safetensors file, read when they are used, and dropped where memory is short.

    The map is shared and read-only. Its size does not count as memory that the process asks for, so that a file may be
    larger than memory. A write into such a tensor ends the process; an index copies. Raises the errors of
    `safetensors.safe_open` for a file of another kind.
    """
    from safetensors import safe_open

    with safe_open(path, framework="numpy"):
        pass  # refuses a header that does not fit the file
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return {name: _mapped(path, 8 + length, **entry) for name, entry in header.items()}


def _mapped(path: Path | str, start: int, dtype: str, shape: list[int], data_offsets: list[int]) -> Tensor:
    if 0 in shape:  # an empty map is not allowed
        return torch.from_numpy(np.empty(shape, TYPES[dtype]))
    array: Any = np.memmap(path, TYPES[dtype], "r", start + data_offsets[0], tuple(shape))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array)
