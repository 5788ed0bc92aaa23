"""Reads each kind of file, and refuses one whose names, shapes, types, ranges or values are not what they must be.

The sha256 in the provenance says that the bytes are those that were written. This module says that they can be used.
Every refusal is a `LacunaError` that names the file. No torch and no pandas are imported here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lacuna.errors import LacunaError
from lacuna.files.artefacts import AGAIN, map_tensors, parse_frame, read_frame, read_tensors, stable_part

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

Tensors = dict[str, "Tensor"]
# Columns of a target's answers, and beside them, of one that draws, those with all answers about an image.
REPEATED = {"clean": "clean_answers", "adversarial": "adversarial_answers"}
FORMAT = 2  # of outcomes with such columns and of cells with their variances; without a number it is 1, without them
IMAGES = ".images"  # the name of an attack's images is its code and this

# The tensors of a streamed split's index, each with its type and the rest of its shape, after the number of images.
INDEX: dict[str, tuple[str, tuple[int, ...]]] = {
    **dict.fromkeys(("labels", "lengths", "ends"), ("int64", ())),
    "sha256": ("uint8", (32,)),
    "sizes": ("int64", (2,)),
    "plain": ("bool", ()),
    "paths": ("uint8", ()),
}

# The columns that other stages read, and what each must hold. Further columns may stand beside them.
OUTCOME_KINDS = {
    **dict.fromkeys(("attack", "source"), "texts"),
    **dict.fromkeys(("image", "label", "clean", "adversarial"), "whole numbers"),
    **dict.fromkeys(("source_clean", "source_adversarial", "source_flat"), "whole numbers"),
    "valid": "true or false",
    **dict.fromkeys(("distance", "distance_8bit"), "finite numbers"),
    "unrounded": "whole numbers",
}
MEASURE_KINDS = {**dict.fromkeys(("attack", "source"), "texts"), "image": "whole numbers"}
SELECTION_KINDS = {"image": "whole numbers", "label": "whole numbers"}
HISTORY_KINDS = {
    "epoch": "whole numbers",
    **dict.fromkeys(("learning_rate", "train_loss", "train_accuracy"), "numbers"),
}
CELL_KINDS = {
    **dict.fromkeys(("exhibit", "row", "column", "attack", "metric", "dataset", "scale", "provenance"), "anything"),
    **dict.fromkeys(("value", "n", "ci_low", "ci_high", "printed", "difference"), "numbers"),
}
PRINTED_KINDS = {
    **dict.fromkeys(("table", "row", "column", "target", "attack", "metric"), "anything"),
    "value": "numbers",
}
NUMPY_KINDS = {
    "whole numbers": "iu",
    "true or false": "b",
    "numbers": "iuf",
    "finite numbers": "iuf",
}  # numpy's letters


def read_dataset(path: str, network: Mapping[str, Any] | None = None) -> Tensors:
    """``images`` uint8 (N, C, H, W) and ``labels`` int64 (N,) of a split.

    They are those of `map_tensors`: nothing may write to them. Raises `LacunaError` where they are anything else,
    where they are the index of a streamed split, or do not suit ``network``, the settings of a network.
    """
    tensors = map_tensors(path)
    if "images" not in tensors and INDEX.keys() <= tensors.keys():
        allowed = "allowed: a dataset without stream: true (config/datasets.yaml)"
        raise LacunaError(f"{path} is the index of a streamed split, of which only trainings see images; {allowed}")
    shown = (network.get("members") or [network])[0] if network else {}
    images = _tensor(path, tensors, "images", "uint8", (None, *shown.get("image", (None, None, None))))
    labels = _tensor(path, tensors, "labels", "int64", (len(images),))
    _refuse_labels(path, "labels", labels, shown.get("classes"))
    return tensors


def read_index(path: str, network: Mapping[str, Any]) -> Tensors:
    """The index of a streamed split, mapped as by `map_tensors`: what `lacuna.data.index.Entry` says, of N images.

    ``labels`` and ``lengths`` are int64 (N,), ``sha256`` uint8 (N, 32), ``sizes`` int64 (N, 2), ``plain`` bool (N,). A
    path is the bytes of ``paths`` uint8 from the end before it to its own in ``ends`` int64 (N,). Raises `LacunaError`
    where they are anything else, or do not suit ``network``, the settings of a network.
    """
    tensors = map_tensors(path)
    count = len(_tensor(path, tensors, "labels", "int64", (None,)))
    for name, (dtype, rest) in INDEX.items():
        _tensor(path, tensors, name, dtype, (None if name == "paths" else count, *rest))
    if int(tensors["ends"][-1]) != len(tensors["paths"]):
        raise LacunaError(f"{path}: tensor 'paths' has not the bytes that 'ends' says; {AGAIN}")
    _refuse_labels(path, "labels", tensors["labels"], network.get("classes"))
    return tensors


def read_adversarial(path: str, data: Tensors | None = None) -> Tensors:
    """An adversarial set: ``image``, ``label``, ``source_clean``, ``source_flat`` int64 (N,), and tensors per attack.

    An attack's tensors begin with its code (`codes_of`): ``.images`` uint8 (N, C, H, W), ``.valid`` bool (N,),
    ``.source_adversarial`` int64 (N,), ``.distance`` and ``.distance_8bit`` float32 (N,) of at least 0. Raises
    `LacunaError` where the tensors are anything else, or do not belong to the images of ``data``.
    """
    tensors = map_tensors(path)
    ids = _tensor(path, tensors, "image", "int64", (None,))
    labels = _tensor(path, tensors, "label", "int64", (len(ids),))
    for name in ("source_clean", "source_flat"):
        _tensor(path, tensors, name, "int64", (len(ids),))
    size = tuple(data["images"].shape[1:]) if data else (None, None, None)
    if not (codes := codes_of(tensors)):
        raise LacunaError(f"{path} holds the images of no attack; {AGAIN}")
    for code in codes:
        _tensor(path, tensors, f"{code}{IMAGES}", "uint8", (len(ids), *size))
        _tensor(path, tensors, f"{code}.valid", "bool", (len(ids),))
        _tensor(path, tensors, f"{code}.source_adversarial", "int64", (len(ids),))
        for name in (f"{code}.distance", f"{code}.distance_8bit"):
            if (_tensor(path, tensors, name, "float32", (len(ids),)) < 0).any():
                raise LacunaError(f"{path}: tensor '{name}' has values below 0; {AGAIN}")
    if data:
        _refuse_strangers(path, ids.tolist(), labels.tolist(), data["labels"].tolist())
    return tensors


def codes_of(tensors: Iterable[str]) -> list[str]:
    """The codes of the attacks whose images an adversarial set holds, in the order of the names of its tensors."""
    return [name.removesuffix(IMAGES) for name in sorted(tensors) if name.endswith(IMAGES)]


def read_foreground(path: str, data: Tensors) -> Tensors:
    """The foreground of each image of ``data``: ``mask`` bool (N, H, W), and its share ``fraction`` float32 (N,).

    Raises `LacunaError` where the tensors are anything else, or a share is outside [0, 1].
    """
    tensors = read_tensors(path)
    count, _, height, width = data["images"].shape
    _tensor(path, tensors, "mask", "bool", (count, height, width))
    fraction = _tensor(path, tensors, "fraction", "float32", (count,))
    if fraction.min() < 0 or fraction.max() > 1:
        raise LacunaError(f"{path}: tensor 'fraction' has values outside [0, 1]; {AGAIN}")
    return tensors


def read_selection(path: str, data: Tensors) -> "pd.DataFrame":
    """A selection: columns image and label, each image of ``data`` at most once."""
    frame = _columns(path, read_frame(path), SELECTION_KINDS)
    _refuse_strangers(path, frame["image"].tolist(), frame["label"].tolist(), data["labels"].tolist())
    return frame


def read_outcomes(path: str) -> "pd.DataFrame":
    """Outcomes of one target and suite: at least the columns of `OUTCOME_KINDS`.

    Columns of all answers (`REPEATED`) hold equally many whole numbers on each line.
    """
    frame = _columns(path, read_frame(path), OUTCOME_KINDS)
    _refuse_later(path)
    for name in (name for name in REPEATED.values() if name in frame):
        if frame[name].map(_count).nunique() != 1 or not _count(frame[name].iloc[0]) > 1:
            raise LacunaError(f"{path}: column '{name}' must hold lists of equally many whole numbers; {AGAIN}")
    return frame


def read_measures(path: str) -> "pd.DataFrame":
    """Measures of an adversarial set's images: at least the columns of `MEASURE_KINDS`, each image once per attack."""
    return _columns(path, read_frame(path), MEASURE_KINDS)


def read_history(path: str) -> "pd.DataFrame":
    """The course of a training: at least the columns of `HISTORY_KINDS`."""
    return _columns(path, read_frame(path), HISTORY_KINDS)


def read_cells(path: str) -> "pd.DataFrame":
    """The cells of a table: at least the columns of `CELL_KINDS`; numbers may be missing, but not infinite."""
    _refuse_later(path)
    return _columns(path, read_frame(path), CELL_KINDS)


def read_printed(path: str) -> "pd.DataFrame":
    """A paper's printed numbers: at least the columns of `PRINTED_KINDS`, no lines where the paper prints no table.

    The file is committed and has no provenance.
    """
    mend = "restore it with git checkout"
    return _holding(path, parse_frame(path, mend), PRINTED_KINDS, mend)


def _tensor(path: str, tensors: Tensors, name: str, dtype: str, shape: Sequence[int | None]) -> "Tensor":
    """A tensor of the file, which must have this type and shape; None stands for any number but 0."""
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


def _refuse_labels(path: str, name: str, labels: "Tensor", classes: int | None) -> None:
    if labels.min() < 0 or (classes is not None and labels.max() >= classes):
        found = f"{int(labels.min())} to {int(labels.max())}"
        raise LacunaError(f"{path}: {name} are {found}, not below {classes or 'the number of classes'}; {AGAIN}")


def _refuse_strangers(path: str, ids: list[int], labels: list[int], truth: list[int]) -> None:
    """Raises `LacunaError` unless each image id stands once, exists, and has the dataset's label."""
    if len(set(ids)) < len(ids) or not all(0 <= image < len(truth) for image in ids):
        raise LacunaError(f"{path} has image ids that stand twice or are not below {len(truth)}; {AGAIN}")
    if wrong := [image for image, label in zip(ids, labels, strict=True) if truth[image] != label]:
        raise LacunaError(f"{path} has another label for image {wrong[0]} than the dataset; {AGAIN}")


def _refuse_later(path: str) -> None:
    """Raises `LacunaError` for a file of a later format than this code knows."""
    stated = stable_part(path)["facts"].get("format", 1)
    if stated > FORMAT:
        raise LacunaError(f"{path} has format {stated}; allowed: at most {FORMAT}, which this version of lacuna reads")


def _count(answers: Any) -> int:
    """How many whole numbers a list of answers holds; 0 of anything else."""
    return len(answers) if getattr(getattr(answers, "dtype", None), "kind", "") in ("i", "u") else 0


def _columns(path: str, frame: "pd.DataFrame", columns: Mapping[str, str], mend: str = AGAIN) -> "pd.DataFrame":
    """The table, which must have lines, and these columns with the kinds of values that they must hold."""
    if frame.empty and set(columns) <= set(frame):
        raise LacunaError(f"{path} has no lines; {mend}")
    return _holding(path, frame, columns, mend)


def _holding(path: str, frame: "pd.DataFrame", columns: Mapping[str, str], mend: str) -> "pd.DataFrame":
    """The table, which must have these columns with the kinds of values that they must hold."""
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
    if column.dtype.kind not in NUMPY_KINDS[kind]:
        return bool(kind == "numbers" and column.isna().all())  # of an empty column pandas knows no type
    return not column.isin([float("inf"), float("-inf")]).any() and (kind == "numbers" or not column.isna().any())
