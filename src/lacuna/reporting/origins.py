"""A line below each exhibit on where its numbers come from: made here, pulled, taken, brought, and stand-ins."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lacuna.errors import LacunaError
from lacuna.files.artefacts import provenance_path, stable_part
from lacuna.files.origins import PULLED, Origin, read_origins
from lacuna.foreground.words import MODELS
from lacuna.jobs.kept import CODE, RESULTS
from lacuna.language.codes import is_own

BEGINNING = "Origin of the numbers: "  # of the line; a comment in LaTeX
WORDS = {PULLED: "pulled from the remote {} and verified"}
TAKEN_WORDS = "taken from {} and verified"
DEEPGAZE = "deepgaze"  # the saliency model that the papers use
Record = Mapping[str, Any]


def origin_lines(paths: Iterable[str], plot: str = "") -> list[str]:
    """The line on the files ``paths`` and all that they were made from, by their records; none where there is none.

    ``plot`` is the user's own function that draws a figure of them.
    """
    records, absent = _behind(paths)
    if not records:
        return []
    brought = list(dict.fromkeys(one for record in records.values() for one in _brought(record)))
    standing = list(dict.fromkeys(one for record in records.values() for one in _stand_ins(record)))
    parts = [BEGINNING + _counted(records, absent)]
    parts += [
        f"Brought by the user: {', '.join(named)}." for named in [brought + [f"plot {plot}"] * bool(plot)] if named
    ]
    parts += [f"Stand-ins: {', '.join(standing)}."] if standing else []
    return [" ".join(parts)]


def without_origin(text: str) -> str:
    """A rendering without the line, which follows from the checkout and not from the cells."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith((f"* {BEGINNING}", f"% {BEGINNING}")))


def _behind(paths: Iterable[str]) -> tuple[dict[str, Record], int]:
    """The stable parts of the records of these files and of all that is behind them; how many records are not here."""
    found: dict[str, Record] = {}
    absent: set[str] = set()
    left = [*paths]
    while left:
        path = left.pop()
        if path in found or path in absent or path.startswith(CODE):  # digests of code have no records
            continue
        try:
            if not provenance_path(path).is_file():
                absent |= {path} if path.startswith(RESULTS) else set()
                continue
            found[path] = stable_part(path)
        except LacunaError:  # which whoever reads the file meets again and reports
            absent.add(path)
            continue
        left += found[path]["inputs"]
    return found, len(absent)


def _counted(records: Mapping[str, Record], absent: int) -> str:
    """How many files came from where: ``recomputed here, all 12 files.``"""
    scales = {path.split("/")[1] for path in records if path.startswith(RESULTS)}
    noted: dict[str, Origin] = {}
    for scale in sorted(scales):
        noted |= read_origins(scale, records)
    counts = Counter(_words(noted.get(path)) for path in records)
    whole = f"{len(records)} file{'s' * (len(records) > 1)}"
    if len(counts) == 1:
        said = f"{next(iter(counts))}, {'all ' * (len(records) > 1)}{whole}"
    else:
        said = ", ".join(f"{count} of {whole} {words}" for words, count in sorted(counts.items()))
    return f"{said}{f'; {absent} more are not here' if absent else ''}."


def _words(origin: Origin | None) -> str:
    return WORDS.get(origin.how, TAKEN_WORDS).format(origin.where) if origin else "recomputed here"


def _settings(record: Record, stage: str) -> Mapping[str, Any]:
    """The settings of a job of this stage; empty of another, and where an older version stated none."""
    stated = record.get("settings")
    return stated if record.get("stage") == stage and isinstance(stated, dict) else {}


def _brought(record: Record) -> Iterator[str]:
    """What of the user's own a job used, in words."""
    images = _settings(record, "dataset").get("source", {})
    if images.get("kind") in ("folder", "partitions"):
        yield f"images in {images.get('path', 'a folder')}"
    if network := _settings(record, "adopt"):
        yield f"network {network.get('model')} ({network.get('factory')})"
    masks = _settings(record, "foreground").get("masks", {})
    if masks.get("kind") == "folder":
        yield f"masks in {masks.get('path')}"
    attack = _settings(record, "attack")
    method = attack.get("method", "")
    if ":" in method:
        yield f"attack {method}"
    if method == "folder":
        yield from (f"adversarial images in {budget['path']}" for budget in attack["budgets"].values())
    function = (attack or _settings(record, "evaluate")).get("defense", {}).get("function", "")
    if function and not function.startswith("lacuna."):
        yield f"defense {function}"
    metrics = [cell["metric"] for cell in _settings(record, "cells").get("cells", [])]
    yield from (f"metric {metric}" for metric in metrics if is_own(metric))


def _stand_ins(record: Record) -> Iterator[str]:
    """What stands in a job's place of what a paper used, by name."""
    cells, attack = _settings(record, "cells"), _settings(record, "attack")
    if cells.get("dataset") != cells.get("paper_dataset"):
        yield f"{cells.get('dataset')} for {cells.get('paper_dataset')}"
    measured = _settings(record, "measure").get("saliency", {}).values()
    masks = _settings(record, "foreground").get("masks", {})
    for model in filter(None, (attack.get("saliency"), *measured, masks.get("model"))):
        if model["kind"] != DEEPGAZE:
            yield f"{MODELS.get(model['kind'], model['kind'])} for {MODELS[DEEPGAZE]}"
    if attack.get("method") == "stylised":
        yield "images with another texture for Stylized-ImageNet"
