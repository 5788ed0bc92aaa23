"""The image files of a dataset of the user's own, in the order of their ids."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from lacuna.data.folder import ImageFile, folder_files
from lacuna.data.partitions import partition_files
from lacuna.errors import LacunaError


def own_files(source: Mapping[str, Any], classes: list[str] | int, split: str) -> list[ImageFile]:
    """The image files of a split, train or test, of a ``source`` in `OWN_KINDS`.

    See `folder_files` and `partition_files` for ``source`` and ``classes``.
    """
    if source["kind"] == "partitions":
        assert not isinstance(classes, int)  # lacuna.config.parts
        return partition_files(source, classes, split)
    return folder_files(source, classes, split)


def file_names(source: Mapping[str, Any], classes: list[str] | int, split: str, order: str) -> list[str]:
    """The names of a split's files in the order of their ids.

    ``order`` is the `order_digest` that the dataset's provenance recorded. Raises `LacunaError` where the files are no
    longer those that the dataset was read from.
    """
    files = own_files(source, classes, split)
    if order_digest(files) != order:
        raise LacunaError(f"the files below {source['path']} are not those that were read; delete its dataset stage")
    return [file.name for file in files]


def order_digest(files: Sequence[ImageFile]) -> str:
    """sha256 of the names of files in their order, one name per line."""
    return hashlib.sha256("\n".join(file.name for file in files).encode("utf-8", "surrogateescape")).hexdigest()
