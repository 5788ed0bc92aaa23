"""Images of the user's own in one folder, with a CSV file that says the class and the split of each."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lacuna.data.folder import IMAGE_ENDINGS, ImageFile, find_images
from lacuna.data.own_paths import partitions_path
from lacuna.errors import LacunaError


def partition_files(source: Mapping[str, Any], classes: list[str], split: str) -> list[ImageFile]:
    """The files of a split, train or test, in the order of the CSV file's lines.

    ``source`` has these keys:

    * ``path``, and below it ``images``, the folder, and ``partitions``, the CSV file;
    * ``columns``: the names of the CSV file's columns for the image (its file's name, with or without ending), the
      class (one of ``classes``) and the split;
    * ``train`` and ``test``: the values of the column for the split. Lines with another value are passed over.

    Raises `LacunaError`, which names the file, column or line that does not fit.
    """
    path = partitions_path(source)
    lines = [line for line in _lines(path, source["columns"]) if line.split in (source["train"], source["test"])]
    _refuse_lines(path, lines, classes)
    own = [line for line in lines if line.split == source[split]]
    if not own:
        said = f"{path}: column {source['columns']['split']} nowhere says '{source[split]}'"
        raise LacunaError(f"{said}, which the entry calls the {split} images")
    images = find_images(Path(source["path"]) / source["images"], [line.name for line in own])
    return [ImageFile(image, classes.index(x.label), x.name) for image, x in zip(images, own, strict=True)]


class _Line(NamedTuple):
    number: int
    name: str
    label: str
    split: str


def _lines(path: Path, columns: Mapping[str, str]) -> list[_Line]:
    wanted = [columns[key] for key in ("image", "class", "split")]
    try:
        if not path.is_file():
            raise OSError  # a pipe would be waited for
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            has = list(table.fieldnames or [])
            if lacking := [name for name in wanted if name not in has]:
                raise LacunaError(f"{path} has no column '{lacking[0]}', which columns names; it has {', '.join(has)}")
            return [_Line(table.line_num, *_values(line, wanted)) for line in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LacunaError(f"{path} cannot be read as CSV ({type(error).__name__}); see docs/datasets.md") from None


def _values(line: Mapping[str, str | None], columns: list[str]) -> tuple[str, str, str]:
    image, label, split = ((line[name] or "").strip() for name in columns)
    path = Path(image)  # an ending may be missing, and foregrounds may have another
    return str(path.with_suffix("")) if path.suffix.lower() in IMAGE_ENDINGS else str(path), label, split


def _refuse_lines(path: Path, lines: list[_Line], classes: list[str]) -> None:
    first: dict[str, int] = {}
    for line in lines:
        where = f"{path}, line {line.number}"
        if Path(line.name).is_absolute() or ".." in Path(line.name).parts:
            raise LacunaError(f"{where}: '{line.name}' leads out of the folder of the images; allowed: names below it")
        if line.label not in classes:
            raise LacunaError(f"{where}: '{line.label}' is no class; allowed: {', '.join(classes)}")
        if first.setdefault(line.name, line.number) != line.number:
            raise LacunaError(f"{where}: {line.name} stands in line {first[line.name]} already; allowed: once")
