"""Which files a dataset of the user's own consists of, in the order of their ids."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lacuna.data.folder import Listed, folder_files
from lacuna.data.partitions import partition_files

BROUGHT: Mapping[str, Callable[[Mapping[str, Any], Any], dict[str, list[Listed]]]] = {
    "folder": folder_files,
    "partitions": partition_files,
}


def brought_files(source: Mapping[str, Any], classes: list[str] | int) -> dict[str, list[Listed]]:
    """The image files of the splits train and test; see `folder_files` and `partition_files`."""
    return BROUGHT[source["kind"]](source, classes)


def order_of(files: Sequence[Listed]) -> str:
    """sha256 of the files' names in order, one per line."""
    return hashlib.sha256("\n".join(file.name for file in files).encode("utf-8", "surrogateescape")).hexdigest()
