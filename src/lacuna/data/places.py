"""Where the files lie that users bring, and whether they are there. Only paths here: the workflow asks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

BROUGHT = ("folder", "partitions")  # kinds of sources of which the user brings the files


def partitions_path(source: Mapping[str, Any]) -> Path:
    """The CSV file of a source of kind partitions."""
    return Path(source["path"]) / source["partitions"]


def missing(source: Mapping[str, Any]) -> Path | None:
    """The first folder or file that a dataset of the user's own needs and that is not there; None if all are."""
    if source["kind"] == "folder":
        needed = [Path(source["path"]) / source[split] for split in ("train", "test")]
    elif source["kind"] == "partitions":
        needed = [Path(source["path"]) / source["images"], partitions_path(source)]
    else:
        needed = []
    return next((path for path in needed if not path.exists()), None)
