"""The index of a streamed split: which files it consists of, and what each of them is, in place of their pixels."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lacuna.data.folder import ImageFile, inspect_image
from lacuna.errors import LacunaError

PIECE = 1000  # files that are looked at before the next report


class Entry(NamedTuple):
    """A file of a split: its label, its path below the dataset's folder, its bytes, and its picture.

    ``size`` is the height and width of the upright picture. ``plain`` says that the file is a JPEG of grey or of red,
    green and blue that stands upright, so that every decoder reads the same from it.
    """

    label: int
    path: bytes
    length: int
    sha256: bytes
    size: tuple[int, int]
    plain: bool


def read_entries(files: Sequence[ImageFile], settings: dict[str, Any]) -> Iterator[list[Entry]]:
    """What the files of a split are, some at a time.

    ``settings`` is the dataset's entry in config/datasets.yaml. Each file is read whole for its sha256; its pixels are
    not decoded. Raises `LacunaError` for a file that is no image, for an image that would lose something
    (`lacuna.data.folder.read_image`), and for one of another size where the source says resize: exact.
    """
    for start in range(0, len(files), PIECE):
        yield [_entry(file, settings) for file in files[start : start + PIECE]]


def _entry(file: ImageFile, settings: dict[str, Any]) -> Entry:
    source, wanted = settings["source"], tuple(settings["image"][1:])
    content = content_of(file.path)
    size, plain = inspect_image(file.path, content)
    if source["resize"] == "exact" and size != wanted:
        found = f"{size[1]} x {size[0]}, not {wanted[1]} x {wanted[0]}"
        raise LacunaError(f"{file.path} is {found}; allowed: resize: stretch or crop")
    path = os.fsencode(file.path.relative_to(source["path"]))
    return Entry(file.label, path, len(content), hashlib.sha256(content).digest(), size, plain)


def content_of(path: Path) -> bytes:
    """The bytes of a file of the user's. Raises `LacunaError` where there is none that can be read."""
    try:
        if not path.is_file():
            raise OSError  # a pipe would be waited for
        return path.read_bytes()
    except OSError:
        raise LacunaError(f"{path} is not there, or cannot be read; allowed: the file that the index names") from None


def packed(pieces: Iterable[list[Entry]]) -> dict[str, Tensor]:
    """The index as tensors, of which `lacuna.files.contents.read_index` says what they are."""
    columns: dict[str, list[Tensor]] = {name: [] for name in ("labels", "lengths", "sha256", "sizes", "plain", "paths")}
    ends = []
    for piece in pieces:
        columns["labels"].append(torch.tensor([one.label for one in piece]))
        columns["lengths"].append(torch.tensor([one.length for one in piece]))
        columns["sha256"].append(as_tensor(b"".join(one.sha256 for one in piece)).view(-1, 32))
        columns["sizes"].append(torch.tensor([one.size for one in piece]))
        columns["plain"].append(torch.tensor([one.plain for one in piece]))
        columns["paths"].append(as_tensor(b"".join(one.path for one in piece)))
        ends.append(torch.tensor([len(one.path) for one in piece]))
    return {name: torch.cat(parts) for name, parts in columns.items()} | {"ends": torch.cat(ends).cumsum(0)}


def path_of(index: dict[str, Tensor], image: int) -> Path:
    """The path of an image below the dataset's folder."""
    begin, end = int(index["ends"][image - 1]) if image else 0, int(index["ends"][image])
    return Path(os.fsdecode(index["paths"][begin:end].numpy().tobytes()))


def as_tensor(content: bytes) -> Tensor:
    """Bytes as a tensor uint8 (N,) of its own."""
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)
