"""Checks a crate of Lacuna, a zip or its folder, with Python's standard library alone: python check.py CRATE [ROOT]

ROOT, from elsewhere, is the sha256 of the zip, or of the folder's digests.txt. Without it no origin is shown."""

import csv
import hashlib
import io
import json
import math
import statistics
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

Named = dict[str, Any]  # members of a crate, lines of a CSV file, records, settings of cells
LISTED = "digests.txt"
GRADIENTS = ("gradient_in_foreground", "foreground_area", "gradient_roughness", "gradient_sparseness")
BOUNDED = {"bounded_accuracy": ("distance", "unrounded"), "bounded_accuracy_8bit": ("distance_8bit", "adversarial")}
SUCCESS = {"success_rate": "adversarial", "success_relaxed": "relaxed", "success_hard": "hard"}


def digest(part: bytes | Named) -> str:
    return hashlib.sha256(part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()).hexdigest()


def read_crate(place: str) -> Named:
    """The bytes of all that a crate holds, by name."""
    if Path(place).is_dir():
        inside = [one for one in Path(place).rglob("*") if one.is_symlink() or not one.is_dir()]
        plain = {one: one.is_file() and not one.is_symlink() for one in inside}
        return {one.relative_to(place).as_posix(): one.read_bytes() if plain[one] else b"a link" for one in inside}
    with zipfile.ZipFile(place) as archive:
        names = [one.filename if one.external_attr >> 28 != 10 else "" for one in archive.infolist()]  # 10: a link
        if len({one.casefold() for one in names}) < len(names) or any({"", ".."} & {*one.split("/")} for one in names):
            raise ValueError("a name stands twice, or is of no plain file")
        return {name: archive.read(name) for name in names}


def wrong_records(held: Named, records: Named, tables: list[str]) -> Iterator[str]:
    """Records that do not fit their seal, their file or another record, or are not there; tables of other cells."""
    known = {name: digest(record["stable"]) for name, record in records.items()}
    for name, record in records.items():
        stable, whole = record["stable"], {key: record[key] for key in ("stable", "volatile")}
        sealed = json.dumps({**whole, "seal": digest(whole)} if "format" in stable else whole, indent=1, sort_keys=True)
        if held[f"records/{name}.prov.json"] != f"{sealed}\n".encode() or stable["artefact"] != name:
            yield f"the record of {name} was edited"
        if f"files/{name}" in held and digest(held[f"files/{name}"]) != stable["sha256"]:
            yield f"{name} is not the file of its record"
        wrong = [one for one, said in stable.get("records", {}).items() if known.get(one) != said]
        yield from (f"{name} was made from {one} with another record" for one in wrong)
    files = [name for name in held if name.startswith("files/")]
    yield from (f"{name} has no record" for name in files if name[6:] not in records and name[6:-4] not in records)
    cells = {Path(name).stem: name for name in tables}
    for table in json.loads(held["crate.json"])["tables"]:
        if held[f"tables/{table}.cells.csv"] != held.get(f"files/{cells.get(table)}"):
            yield f"tables/{table}.cells.csv has other cells than its record"


def counts(line: Named, cell: Named, right_on_pair: list[set[str]]) -> bool | float | None:
    """What the image of a line counts in a cell, by the rules of Lacuna's docs/trace.md; None where it does not."""
    metric = cell["metric"]
    if metric in line:  # a measure, or a gradient's
        return float(line[metric]) if line[metric] else None
    label, valid, right = line["label"], line["valid"] == "True", line["clean"] == line["label"]
    bound = cell["radius"] ** 2 / cell["reference"] if metric in BOUNDED else cell.get("radius", 0)
    (single,) = struct.unpack("f", struct.pack("f", bound))  # in 32 bits, as distances and radii are
    if metric in ("test_accuracy", "certified_accuracy"):
        return right and (metric == "test_accuracy" or float(line["radius"] or "nan") >= single)
    if metric in BOUNDED:
        return right and not (valid and float(line[BOUNDED[metric][0]]) <= single and line[BOUNDED[metric][1]] != label)
    if metric in SUCCESS:
        answer, wanted = line[SUCCESS[metric]], line["wanted"]
        counted = (right if metric == "success_rate" else line["source_clean"] == label) and int(answer) >= 0
        return valid and (answer != label if int(wanted) < 0 else answer == wanted) if counted else None
    pair = all(line["image"] in one for one in right_on_pair)
    shown = right and (line["source_adversarial"] != label or cell["source"] == cell["target"])
    kept = {"adversarial_accuracy": True, "boundary_score": right, "conditional_accuracy": pair, "defense_rate": shown}
    withstands = float(line["distance"]) if metric == "boundary_score" else line["adversarial"] == label
    return withstands if valid and kept[metric] else None


def summary(cell: Named, lines: Callable[[str], list[Named]]) -> tuple[float, int]:
    """The value of a cell for one training, NaN where it has none, and of how many images it is."""
    pair = [{one["image"] for one in lines(name) if one["clean"] == one["label"]} for name in cell.get("pair", [])]
    numbers = {one["image"]: counts(one, cell, pair) for one in lines(cell["target"])}  # an image counts once
    found = [number for number in numbers.values() if number is not None]
    if not found:
        return math.nan, 0
    mean = statistics.median(found) if cell["metric"] == "boundary_score" else math.fsum(found) / len(found)
    return round(100 * mean, 4) if isinstance(found[0], bool) else mean, len(found)


def judge_cells(held: Named, records: Named, name: str) -> Iterator[str]:
    """One text per cell of a file: empty where outcomes give it, `digest` where only a function of somebody's does."""
    settings = records[name]["stable"]["settings"]
    paths = {(one["folder"], one["stage"], one["group"], one["name"]): one["path"] for one in settings["outcomes"]}
    known = {digest(records[path]["stable"])[:16] for path in paths.values()}
    read = lru_cache(4)(lambda path: list(csv.DictReader(io.StringIO(held[f"files/{path}.csv"].decode()))))

    def lines(target: str, folder: str, cell: Named) -> list[Named]:
        group = ("gradient", "loss") if cell["metric"] in GRADIENTS else ("evaluate", cell["suite"])
        origin = ("measure", cell["measured"], cell["source"]) if cell.get("measured") else (*group, target)
        return [one for one in read(paths[(folder, *origin)]) if all(one[k] == cell[k] for k in ("attack", "source"))]

    for cell, line in zip(settings["cells"], csv.DictReader(io.StringIO(held[f"files/{name}"].decode())), strict=True):
        if ":" in cell["metric"] or line.get("answers", "1") not in ("1", ""):  # of a target that draws, many answers
            yield "digest"
            continue
        parts = [partial(lines, folder=one, cell=cell) for one in settings.get("replicas", [settings["dataset"]])]
        values, sizes = zip(*(summary(cell, part) for part in parts), strict=True)
        mean, n, stated, by = sum(values) / len(values), min(sizes), line["value"] or "nan", line["provenance"].split()
        share = len(parts) == 1 and not cell.get("measured") and cell["metric"] not in (*GRADIENTS, "boundary_score")
        near = math.isclose(mean, float(stated), rel_tol=0 if share else 1e-5, abs_tol=1e-9) or stated == str(mean)
        same = all(line[key] in (cell[key], f"'{cell[key]}") for key in ("row", "column", "metric"))  # ' as in sheets
        fits = near and same and line["n"] == str(n) and known.issuperset(by) and len(by) >= min(n, 1)
        yield "" if fits else f"{name} [{line['row']} | {line['column']}] is {mean} of {n} images by its outcomes"


def check(place: str = ".", root: str = "") -> tuple[list[str], str]:
    """What is wrong with a crate, and one line about it."""
    wrong, told = [], f"root {'as given' if root else 'not given'}; {LISTED} "
    try:
        whole = "" if Path(place).is_dir() else digest(Path(place).read_bytes())
        held = read_crate(place) if not whole or root in ("", whole) else {LISTED: b""}
        own = digest(held.get(LISTED, b""))
        stated = held.get(LISTED, b"").decode(errors="replace").split("\n")
        listed = [f"{digest(part)}  {name}" for name, part in sorted(held.items()) if name != LISTED] + [""]
        odd = sorted({line[66:] for line in {*stated} ^ {*listed}}) or [LISTED] * (stated != listed)
        wrong += [f"its root is not {root}"] * (root not in ("", whole or own))
        wrong += [f"{one} is not as listed" for one in odd]
        records = {} if wrong else {one[8:-10]: json.loads(held[one]) for one in sorted(held) if one[:8] == "records/"}
        tables = [name for name in records if name.split("/")[3:4] == ["cells"]]
        wrong += [] if wrong else [*wrong_records(held, records, tables)]
        cells = [text for name in tables for text in judge_cells(held, records, name)]
        wrong += [text for text in cells if text not in ("", "digest")]
        counted = f"{cells.count('')} cells counted again, {cells.count('digest')} by digest alone"
        told = f"{place}: {len(held)} members, {len(records)} records, {counted}; {told}{own}"
    except Exception as error:  # of the many kinds that damage raises
        wrong += [f"it cannot be read ({type(error).__name__}: {error})"]
    told = f"WRONG {place}: {wrong[0]}; {len(wrong) - 1} more" if wrong else told  # what is in it can break no line:
    return wrong, told.encode("unicode_escape").decode()


if __name__ == "__main__":
    print((found := check(*sys.argv[1:3]))[1])
    sys.exit(bool(found[0]))
