"""The image files of a dataset of the user's own, in the order of their ids."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from lacuna.data.classes import class_names
from lacuna.data.folder import ImageFile, folder_files, has_jpeg_blocks
from lacuna.data.own_paths import OWN_KINDS
from lacuna.data.partitions import partition_files
from lacuna.errors import LacunaError

LOOKED_AT = 64  # files whose headers say how those of a split are saved


def own_files(source: Mapping[str, Any], classes: list[str] | int, split: str) -> list[ImageFile]:
    """The image files of a split, train or test, of a ``source`` in `OWN_KINDS`.

    See `folder_files` and `partition_files` for ``source`` and ``classes``. Where the source says ``first`` of a split,
    there are no more than so many (`first_of_classes`).
    """
    if source["kind"] == "partitions":
        assert not isinstance(classes, int)  # lacuna.config.parts
        files = partition_files(source, classes, split)
    else:
        files = folder_files(source, classes, split)
    return [files[i] for i in first_of_classes([file.label for file in files], source.get("first", {}).get(split))]


def first_of_classes(labels: Sequence[int], count: int | None) -> list[int]:
    """Places, in order, of the first ``count`` images taken from the classes in turn; of all where it is None.

    The classes have as many images each as they can: numbers differ by one, but for classes that have too few.
    """
    seen: dict[int, int] = defaultdict(int)
    turns = []
    for place, label in enumerate(labels):
        turns.append((seen[label], label, place))
        seen[label] += 1
    return sorted(place for _, _, place in sorted(turns)[:count])


def both_splits(source: Mapping[str, Any], classes: list[str] | int) -> dict[str, list[ImageFile]]:
    """The image files of the splits train and test, by name."""
    return {split: own_files(source, classes, split) for split in ("train", "test")}


def refuse_counts(where: str, labels: Mapping[str, Sequence[int]], entry: Mapping[str, Any]) -> None:
    """Raises `LacunaError` where the labels of the splits are not as many as the entry says, or lack a class.

    ``where`` says whose entry it is. An entry's ``train_at_least`` allows fewer images. Every class that a user's own
    files may have has some in both splits; other datasets have at least two classes.
    """
    own = entry["source"]["kind"] in OWN_KINDS
    for split, found in labels.items():
        wanted, least = entry[split], entry.get(f"{split}_at_least", entry[split])
        if not least <= len(found) <= wanted:
            allowed = f"{wanted}" if least == wanted else f"{least} to {wanted}"
            raise LacunaError(f"{where}.{split}: there are {len(found)} images; stated: {allowed}")
        names = class_names(entry)
        if own and (lacking := sorted({*range(len(names))} - {*found})):
            allowed = "allowed: classes with images in both splits"
            raise LacunaError(f"{where}.{split}: no image is of class '{names[lacking[0]]}'; {allowed}")
        if len({*found}) == 1:
            raise LacunaError(f"{where}.{split}: images are all of one class; allowed: at least two")


def keeps_jpeg_blocks(files: Sequence[ImageFile], image: Sequence[int]) -> bool:
    """Whether most images are JPEG files that are read as they are, so that their blocks of 8 x 8 pixels stay.

    ``image`` is (C, H, W), the dataset's. Of many files some are looked at, at equal distances.
    """
    some = files[:: -(-len(files) // LOOKED_AT)]
    return 2 * sum(has_jpeg_blocks(file.path, image) for file in some) > len(some)


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
