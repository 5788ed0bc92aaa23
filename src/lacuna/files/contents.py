"""What each kind of file must hold, checked on every read: names, shapes, types, ranges and finite values.

The sha256 in the provenance says that bytes are those that were written; this says that they can be used. Every
refusal is a `LacunaError` that names the file. No torch and no pandas are imported here.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lacuna.errors import LacunaError
from lacuna.files.artefacts import AGAIN, map_tensors, parsed_frame, read_frame, read_tensors

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

Tensors = dict[str, "Tensor"]
IMAGES = ".images"  # how the names of an attack's images end

# Columns that other stages read, by what they must hold; further columns may stand beside them.
OUTCOMES = {
    **dict.fromkeys(("attack", "source"), "texts"),
    **dict.fromkeys(("image", "label", "clean", "adversarial"), "whole numbers"),
    **dict.fromkeys(("source_clean", "source_adversarial", "source_flat"), "whole numbers"),
    "valid": "true or false",
    "distance": "finite numbers",
}
MEASURES = {**dict.fromkeys(("attack", "source"), "texts"), "image": "whole numbers"}
SELECTION = {"image": "whole numbers", "label": "whole numbers"}
HISTORY = {"epoch": "whole numbers", **dict.fromkeys(("learning_rate", "train_loss", "train_accuracy"), "numbers")}
CELLS = {
    **dict.fromkeys(("exhibit", "row", "column", "attack", "metric", "dataset", "scale", "provenance"), "anything"),
    **dict.fromkeys(("value", "n", "ci_low", "ci_high", "printed", "difference"), "numbers"),
}
PRINTED = {**dict.fromkeys(("table", "row", "column", "target", "attack", "metric"), "anything"), "value": "numbers"}
KINDS = {"whole numbers": "iu", "true or false": "b", "numbers": "iuf", "finite numbers": "iuf"}  # numpy's letters


def read_dataset(path: str, network: Mapping[str, Any] | None = None) -> Tensors:
    """``images`` uint8 (N, C, H, W) and ``labels`` int64 (N,) of a split, as in `map_tensors`: read, not written to.

    Raises `LacunaError` where they are anything else, or not what ``network`` (a plan's network settings) takes.
    """
    tensors = map_tensors(path)
    shown = (network.get("members") or [network])[0] if network else {}
    images = _tensor(path, tensors, "images", "uint8", (None, *shown.get("image", (None, None, None))))
    labels = _tensor(path, tensors, "labels", "int64", (len(images),))
    _within(path, "labels", labels, shown.get("classes"))
    return tensors


def read_adversarial(path: str, data: Tensors | None = None) -> Tensors:
    """An adversarial set: ``image``, ``label``, ``source_clean``, ``source_flat`` int64 (N,), and each attack's own.

    Raises `LacunaError` where they are anything else, or do not belong to the images of ``data``.
    """
    tensors = map_tensors(path)
    ids = _tensor(path, tensors, "image", "int64", (None,))
    labels = _tensor(path, tensors, "label", "int64", (len(ids),))
    for name in ("source_clean", "source_flat"):
        _tensor(path, tensors, name, "int64", (len(ids),))
    size = tuple(data["images"].shape[1:]) if data else (None, None, None)
    codes = [name.removesuffix(IMAGES) for name in tensors if name.endswith(IMAGES)]
    if not codes:
        raise LacunaError(f"{path} holds the images of no attack; {AGAIN}")
    for code in codes:
        _tensor(path, tensors, f"{code}{IMAGES}", "uint8", (len(ids), *size))
        _tensor(path, tensors, f"{code}.valid", "bool", (len(ids),))
        _tensor(path, tensors, f"{code}.source_adversarial", "int64", (len(ids),))
        distance = _tensor(path, tensors, f"{code}.distance", "float32", (len(ids),))
        if (distance < 0).any():
            raise LacunaError(f"{path}: tensor '{code}.distance' has values below 0; {AGAIN}")
    if data:
        _belong(path, ids.tolist(), labels.tolist(), data["labels"].tolist())
    return tensors


def read_foreground(path: str, data: Tensors) -> Tensors:
    """``mask`` bool (N, H, W) and ``fraction`` float32 (N,) in [0, 1], one for each image of ``data``."""
    tensors = read_tensors(path)
    count, _, height, width = data["images"].shape
    _tensor(path, tensors, "mask", "bool", (count, height, width))
    fraction = _tensor(path, tensors, "fraction", "float32", (count,))
    if fraction.min() < 0 or fraction.max() > 1:
        raise LacunaError(f"{path}: tensor 'fraction' has values outside [0, 1]; {AGAIN}")
    return tensors


def read_selection(path: str, data: Tensors) -> "pd.DataFrame":
    """Columns image and label, each image of ``data`` at most once."""
    frame = _columns(path, read_frame(path), SELECTION)
    _belong(path, frame["image"].tolist(), frame["label"].tolist(), data["labels"].tolist())
    return frame


def read_outcomes(path: str) -> "pd.DataFrame":
    """Outcomes of one target and suite: at least the columns of `OUTCOMES`."""
    return _columns(path, read_frame(path), OUTCOMES)


def read_measures(path: str) -> "pd.DataFrame":
    """Measures of an adversarial set's images: at least the columns of `MEASURES`, each image once per attack."""
    return _columns(path, read_frame(path), MEASURES)


def read_history(path: str) -> "pd.DataFrame":
    """The course of a training: at least the columns of `HISTORY`."""
    return _columns(path, read_frame(path), HISTORY)


def read_cells(path: str) -> "pd.DataFrame":
    """The cells of a table: at least the columns of `CELLS`; numbers may be missing, but not infinite."""
    return _columns(path, read_frame(path), CELLS)


def read_printed(path: str) -> "pd.DataFrame":
    """A paper's printed numbers, a committed file without provenance: at least the columns of `PRINTED`.

    It has no lines where the paper prints no table.
    """
    mend = "restore it with git checkout"
    return _holding(path, parsed_frame(path, mend), PRINTED, mend)


def _tensor(path: str, tensors: Tensors, name: str, dtype: str, shape: Sequence[int | None]) -> "Tensor":
    """A tensor of the file that must have this type and shape; None stands for any number but 0."""
    if name not in tensors:
        raise LacunaError(f"{path} has no tensor '{name}'; {AGAIN}")
    tensor = tensors[name]
    found = str(tensor.dtype).removeprefix("torch.")
    fits = len(tensor.shape) == len(shape) and all(
        n and m in (n, None) for n, m in zip(tensor.shape, shape, strict=True)
    )
    if found != dtype or not fits:
        wanted = ", ".join("n" if size is None else str(size) for size in shape)
        raise LacunaError(f"{path}: tensor '{name}' is {found} {tuple(tensor.shape)}, not {dtype} ({wanted}); {AGAIN}")
    return tensor


def _within(path: str, name: str, labels: "Tensor", classes: int | None) -> None:
    if labels.min() < 0 or (classes is not None and labels.max() >= classes):
        found = f"{int(labels.min())} to {int(labels.max())}"
        raise LacunaError(f"{path}: {name} are {found}, not below {classes or 'the number of classes'}; {AGAIN}")


def _belong(path: str, ids: list[int], labels: list[int], truth: list[int]) -> None:
    """Image ids stand once each, exist, and carry the dataset's labels."""
    if len(set(ids)) < len(ids) or not all(0 <= image < len(truth) for image in ids):
        raise LacunaError(f"{path} has image ids that stand twice or are not below {len(truth)}; {AGAIN}")
    if wrong := [image for image, label in zip(ids, labels, strict=True) if truth[image] != label]:
        raise LacunaError(f"{path} has another label for image {wrong[0]} than the dataset; {AGAIN}")


def _columns(path: str, frame: "pd.DataFrame", columns: Mapping[str, str], mend: str = AGAIN) -> "pd.DataFrame":
    """The table, which must have lines and these columns, each holding what it says."""
    if frame.empty and set(columns) <= set(frame):
        raise LacunaError(f"{path} has no lines; {mend}")
    return _holding(path, frame, columns, mend)


def _holding(path: str, frame: "pd.DataFrame", columns: Mapping[str, str], mend: str) -> "pd.DataFrame":
    """The table, which must have these columns, each holding what it says."""
    if missing := [name for name in columns if name not in frame]:
        raise LacunaError(f"{path} has no column '{missing[0]}'; {mend}")
    for name, kind in columns.items():
        if not _holds(frame[name], kind):
            raise LacunaError(f"{path}: column '{name}' must hold {kind}; {mend}")
    return frame


def _holds(column: "pd.Series[Any]", kind: str) -> bool:
    if kind == "texts":
        return not column.isna().any() and all(isinstance(value, str) for value in column.unique())
    if kind == "anything":
        return True
    if column.dtype.kind not in KINDS[kind]:
        return bool(kind == "numbers" and column.isna().all())  # of an empty column pandas knows no type
    return not column.isin([float("inf"), float("-inf")]).any() and (kind == "numbers" or not column.isna().any())
