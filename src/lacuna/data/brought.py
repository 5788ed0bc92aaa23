"""Which files a dataset of the user's own consists of, in the order of their ids."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from lacuna.data.folder import Listed, folder_files
from lacuna.data.partitions import partition_files
from lacuna.errors import LacunaError


def brought_files(source: Mapping[str, Any], classes: list[str] | int, split: str) -> list[Listed]:
    """The image files of a split, train or test; see `folder_files` and `partition_files`."""
    if source["kind"] == "partitions":
        assert not isinstance(classes, int)  # lacuna.config.parts
        return partition_files(source, classes, split)
    return folder_files(source, classes, split)


def names_of(source: Mapping[str, Any], classes: list[str] | int, split: str, order: str) -> list[str]:
    """The names of a split's files in the order of their ids, which must be those the dataset was read from.

    ``order`` is what its provenance recorded (`order_of`). Raises `LacunaError` where the files are others by now.
    """
    files = brought_files(source, classes, split)
    if order_of(files) != order:
        raise LacunaError(f"the files below {source['path']} are not those that were read; delete its dataset stage")
    return [file.name for file in files]


def order_of(files: Sequence[Listed]) -> str:
    """sha256 of the files' names in order, one per line."""
    return hashlib.sha256("\n".join(file.name for file in files).encode("utf-8", "surrogateescape")).hexdigest()
