"""Compares two runs cell by cell: which cells moved since a baseline, beyond the noise of the images."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lacuna.audit.files import json_value
from lacuna.claims.decisions import printed_numbers
from lacuna.claims.verdicts import identities
from lacuna.crates.read import CrateRun, in_one_sentence, is_crate, read_run
from lacuna.errors import LacunaError
from lacuna.files.artefacts import provenance_path, read_csv, read_frame, stable_part
from lacuna.language.codes import PERCENT, Origin, is_own
from lacuna.numbers.metrics import Load, round_digits, samples_of
from lacuna.numbers.spread import prediction_half_widths
from lacuna.numbers.statistics import NOTHING, RESAMPLES, Array, Sample, Stated, joint_intervals, replicates
from lacuna.numbers.trainings import Errors, joint_half_widths, training_errors

RERUN, INDEPENDENT = "rerun", "independent"
CELL_STATES = ("moved", "noise", "same", "no interval", "not comparable", "only here", "only in the baseline")
TEST = "/dataset/test.safetensors"
NEEDED = ("exhibit", "row", "column", "value", "unit", "n", "dataset", "scale")

CellKey = tuple[str, ...]


@dataclass(frozen=True)
class CountedCell:
    """A cell of a run: its line, what it counts (nothing without outcomes), and the sha256 of its test set."""

    line: Mapping[str, Any]
    samples: Sequence[Sample] = ()
    images: str = ""


def compare_runs(ours: Iterable[str], where: str, scale: str, seeds: Iterable[int] = ()) -> dict[str, Any]:
    """The report's ``baseline``: our files of cells against the cells in ``where``, a file or a folder.

    A cell moved if the interval of its difference, joint with those of all cells compared, does not hold 0. The
    difference is paired by image where both runs' outcomes exist and are of the same test images. Else it is that of
    two shares over n images each. A metric of the user's own is not asked again: its interval is that of its cell.
    ``seeds`` are those of our trainings. A crate says which its own are: where no seed is shared the run is
    independent, and a cell moved if its difference lies outside the joint prediction interval of another run's.
    Raises `LacunaError` where the baseline has no cells.
    """
    crate = read_run(where, scale) if is_crate(where) else None
    here, there = _read(ours), _of_crate(crate, where) if crate else _read(_files(Path(where), scale))
    shared = crate is not None and any(seed in crate.seeds for seed in seeds)
    kind = "unknown" if crate is None else RERUN if shared else INDEPENDENT
    keys = list(dict.fromkeys([*here, *there]))
    lines = [_line(key, here.get(key), there.get(key)) for key in keys]
    undecided = [(line, here[key], there[key]) for key, line in zip(keys, lines, strict=True) if line["state"] == ""]
    (_predict if kind == INDEPENDENT else _decide)(undecided)
    counts = Counter(line["state"] for line in lines)
    return {"path": where, "kind": kind, "states": {state: counts[state] for state in CELL_STATES}, "cells": lines}


# Reading both runs -----------------------------------------------------------------------------------------


def _files(where: Path, scale: str) -> list[str]:
    """The files of cells in a baseline: the file itself, those of a run's results, or published ones."""
    if where.is_file():
        return [str(where)]
    results = (f"results/{scale}/*/cells/*.csv", f"{scale}/*/cells/*.csv", "*/cells/*.csv", "cells/*.csv")
    for pattern in (*results, "tables/*.cells.csv", "*.cells.csv", "*.csv"):
        if found := sorted(str(path) for path in where.glob(pattern)):
            return found
    allowed = "a file of cells, a checkout with results/, or a folder with *.cells.csv"
    raise LacunaError(f"--config baseline: {where} has no cells of scale {scale}; allowed: {allowed}")


def _read(paths: Iterable[str]) -> dict[CellKey, CountedCell]:
    """The cells by what they are numbers of. A row that is printed twice counts once."""
    return _keyed((_frame(path), *_samples(path)) for path in paths)


def _of_crate(run: CrateRun, where: str) -> dict[CellKey, CountedCell]:
    """The cells of a crate, with what they count."""
    with in_one_sentence(where):
        return _keyed(
            (_typed(table.cells, table.name), _counted(table.settings, table.load), table.images)
            for table in run.tables
        )


def _keyed(tables: Iterable[tuple[pd.DataFrame, Sequence[Sequence[Sample]], str]]) -> dict[CellKey, CountedCell]:
    cells: dict[CellKey, CountedCell] = {}
    for frame, samples, images in tables:
        for i, (line, identity) in enumerate(zip(frame.to_dict("records"), identities(frame), strict=True)):
            key = tuple(str(line[name]) for name in ("row", "column")) + tuple(
                value for name, value in identity.items() if name != "dataset"
            )
            named = {str(name): value for name, value in line.items()}
            cells.setdefault(key, CountedCell(named, samples[i] if samples else (), images))
    return cells


def _frame(path: str) -> pd.DataFrame:
    try:
        return _typed(read_frame(path) if provenance_path(path).is_file() else read_csv(path), path)
    except (OSError, ValueError) as error:
        raise LacunaError(f"{path} is no file of cells ({str(error).splitlines()[0]})") from None


def _typed(frame: pd.DataFrame, path: str) -> pd.DataFrame:
    if lacking := [name for name in NEEDED if name not in frame]:
        raise LacunaError(f"{path} is no file of cells: it has no column {lacking[0]}")
    return frame.assign(n=frame["n"].fillna(0).astype(int), value=frame["value"].astype(float))


def _samples(path: str) -> tuple[Sequence[Sequence[Sample]], str]:
    """What each cell of a file counts, and the sha256 of the test set; nothing where outcomes are missing."""
    if not provenance_path(path).is_file():
        return (), ""
    recorded = stable_part(path)
    root = Path(path.removesuffix(recorded["artefact"]))
    said = recorded["settings"].get("outcomes", [])  # none in a baseline of before they were named
    files = {(one["folder"], *(one[key] for key in Origin._fields)): str(root / one["path"]) for one in said}
    here = path.endswith(recorded["artefact"]) and all(Path(file).is_file() for file in files.values())
    if not here or not files:
        return (), ""
    tested = {digest for file in files.values() for name, digest in _inputs(file) if name.endswith(TEST)}
    found = _counted(recorded["settings"], lambda folder, origin: read_frame(files[folder, *origin]))
    return found, ", ".join(sorted(tested))


def _counted(settings: Mapping[str, Any], load: Load) -> list[Sequence[Sample]]:
    """What each cell counts; nothing where that is known to a function of the user's own only, which no audit runs."""
    places = [i for i, cell in enumerate(settings["cells"]) if not is_own(cell["metric"])]
    kept = {**settings, "cells": [settings["cells"][i] for i in places]}
    found = dict(zip(places, samples_of([kept], load), strict=True))
    return [found.get(i, ()) for i in range(len(settings["cells"]))]


def _inputs(path: str) -> Iterable[tuple[str, str]]:
    return stable_part(path)["inputs"].items()


# Comparing -------------------------------------------------------------------------------------------------


def _line(key: CellKey, ours: CountedCell | None, theirs: CountedCell | None) -> dict[str, Any]:
    """One cell of both runs. Its state is empty where an interval has to decide."""
    one = (ours or theirs or CountedCell({})).line
    line = {name: json_value(one[name]) for name in ("exhibit", "row", "column", "unit")}
    line |= {"target": json_value(one.get("target")), "attack": json_value(one.get("attack"))}
    for name, counted in (("ours", ours), ("theirs", theirs)):
        line |= {name: json_value(counted.line["value"]) if counted else None}
        line |= {f"{name}_n": int(counted.line["n"]) if counted else None}
    return line | {"difference": None, "low": None, "high": None, "paired": False, "state": _state(ours, theirs)}


def _state(ours: CountedCell | None, theirs: CountedCell | None) -> str:
    if ours is None or theirs is None:
        return "only here" if ours else "only in the baseline"
    if ours.line["dataset"] != theirs.line["dataset"] or ours.line["unit"] != theirs.line["unit"]:
        return "not comparable"
    one, other = ((json_value(side.line["value"]), side.line["n"]) for side in (ours, theirs))
    if one == other:
        return "same"
    return "no interval" if None in (one[0], other[0]) else ""


def _decide(compared: Sequence[tuple[dict[str, Any], CountedCell, CountedCell]]) -> None:
    """Fills in the difference, joint interval and state of lines whose state is empty."""
    if not compared:
        return
    sides = [(ours, theirs) for _, ours, theirs in compared]
    together = [i for i, pair in enumerate(sides) if _matched(*pair)]
    draws = np.full((len(compared), RESAMPLES), np.nan)
    groups = {
        k: [i for i in together if len(sides[i][0].samples) == k] for k in {len(sides[i][0].samples) for i in together}
    }
    for places in groups.values():
        draws[places] = _together([sides[i] for i in places])
    apart = sorted(set(range(len(compared))) - set(together))
    draws[apart] = _apart([sides[i] for i in apart])
    low, high = joint_intervals(draws)
    for seeds, places in groups.items():
        if seeds > 1:
            half = _half_widths([sides[i] for i in places], draws[places], len(compared))
            low[places], high[places] = draws[places].mean(axis=1) + np.array([[-1], [1]]) * half
    _state_by_interval([line for line, _, _ in compared], low, high, set(together))


def _state_by_interval(lines: Sequence[dict[str, Any]], low: Array, high: Array, paired: set[int]) -> None:
    for i, line in enumerate(lines):
        known = bool(np.isfinite(low[i]))
        state = "no interval" if not known else "noise" if low[i] <= 0 <= high[i] else "moved"
        line |= {"difference": round_digits(line["ours"] - line["theirs"]), "paired": i in paired, "state": state}
        line |= {"low": round_digits(low[i]) if known else None, "high": round_digits(high[i]) if known else None}


def _predict(compared: Sequence[tuple[dict[str, Any], CountedCell, CountedCell]]) -> None:
    """Fills in lines as `_decide`, for runs that share no training: by joint prediction intervals.

    No interval where both runs have one training each, where outcomes are missing, or of other test images.
    """
    low, high = np.full((2, len(compared)), np.nan)
    counted = [
        i
        for i, (_, one, other) in enumerate(compared)
        if one.samples and other.samples and one.images == other.images and len(one.samples) + len(other.samples) > 2
    ]
    if counted:
        sides = [(compared[i][1], compared[i][2]) for i in counted]
        draws = replicates([pair[side].samples for side in (0, 1) for pair in sides], trainings=False)
        ours, theirs = np.split(draws, 2)
        values = [tuple([one.estimate() for one in cell.samples] for cell in pair) for pair in sides]
        half = prediction_half_widths(values, (ours - theirs).std(axis=1), len(compared)) * _scale(sides)
        middle = np.array([compared[i][0]["ours"] - compared[i][0]["theirs"] for i in counted])
        low[counted], high[counted] = middle - half, middle + half
    _state_by_interval([line for line, _, _ in compared], low, high, set(counted))


def _matched(ours: CountedCell, theirs: CountedCell) -> bool:
    return bool(ours.samples) and len(ours.samples) == len(theirs.samples) and ours.images == theirs.images


def _together(sides: Sequence[tuple[CountedCell, CountedCell]]) -> Array:
    """Replicates of differences, paired by image. All cells have the same number of training seeds."""
    samples = [pair[side].samples for side in (0, 1) for pair in sides]
    ours, theirs = np.split(replicates(samples, trainings=False), 2)
    difference: Array = (ours - theirs) * _scale(sides)[:, None]
    return difference


def _half_widths(sides: Sequence[tuple[CountedCell, CountedCell]], draws: Array, among: int) -> Array:
    """Half-widths of the joint intervals of differences over several training seeds, paired by seed, among so many."""
    values = np.array([[[one.estimate() for one in cell.samples] for cell in pair] for pair in sides])
    by_training = (values[:, 0] - values[:, 1]) * _scale(sides)[:, None]
    errors = Errors(draws.std(axis=1), training_errors(by_training, lambda x: x), by_training.shape[1])
    return joint_half_widths(errors, among)


def _scale(sides: Sequence[tuple[CountedCell, CountedCell]]) -> Array:
    return np.array([100 if pair[0].line["unit"] == PERCENT else 1 for pair in sides])


def _apart(sides: Sequence[tuple[CountedCell, CountedCell]]) -> Array:
    """Replicates of differences as if no image were shared: of shares over n images each, and of what is stated.

    NaN for other units, and for a number of the user's own metric that has no interval.
    """
    draws = [_alone([pair[side].line for pair in sides], side) for side in (0, 1)]
    difference: Array = draws[0] - draws[1]
    return difference


def _alone(lines: Sequence[Mapping[str, Any]], side: int) -> Array:
    """Replicates of the numbers of one run, from their lines alone."""
    frame = pd.DataFrame(lines, columns=["value", "unit", "n", "metric", "ci_low", "ci_high"])
    own = [is_own(str(metric)) for metric in frame["metric"]]
    shares = [
        not stated and n > 0 and 0 <= value <= 100
        for stated, n, value in zip(own, frame["n"], frame["value"], strict=True)
    ]
    counted = [int(n) if share else None for n, share in zip(frame["n"], shares, strict=True)]
    draws = printed_numbers(frame, counted, seed=side).draws
    for i in np.flatnonzero(own):
        value, low, high = (float(frame[name].iloc[i]) for name in ("value", "ci_low", "ci_high"))
        stated = Stated(*NOTHING, value=value, low=low, high=high, key=2 * int(i) + side)
        draws[i] = replicates([[stated]])[0]
    return draws
