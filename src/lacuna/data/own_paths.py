"""Where the files that users bring lie, and whether they are there. Nothing but paths: the workflow imports this."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

OWN_KINDS = ("folder", "partitions")  # kinds of sources of which the user brings the files


def partitions_path(source: Mapping[str, Any]) -> Path:
    """The CSV file of a source of kind partitions."""
    return Path(source["path"]) / source["partitions"]


def find_missing(source: Mapping[str, Any]) -> Path | None:
    """The first missing folder or file that a dataset of the user's own needs; None where nothing is missing."""
    if source["kind"] == "folder":
        needed = [Path(source["path"]) / source[split] for split in ("train", "test")]
    elif source["kind"] == "partitions":
        needed = [Path(source["path"]) / source["images"], partitions_path(source)]
    else:
        needed = []
    return next((path for path in needed if not path.exists()), None)
