"""What a cell counts: from outcomes to a metric's sample of images, and the number with its interval."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lacuna.files.contents import read_measures, read_outcomes
from lacuna.files.named import named_inputs
from lacuna.language.attacks import MEASURES
from lacuna.language.codes import GRADIENT_METRICS, MEASURED, place_of
from lacuna.numbers.statistics import Array, Sample, mean_interval, median_interval, wilson

Cell = Mapping[str, Any]
Outcomes = Mapping[tuple[str, str], pd.DataFrame]
Place = tuple[str, str, str]  # folder of a training seed, suite, target; the last two as `place_of` has them
Load = Callable[[str, str, str], pd.DataFrame]  # folder, suite, target -> outcomes
PERCENT, DISTANCE = "percent", "median_squared_l2_per_pixel"
RATIOS = ("png_ratio", "jpeg_ratio", "sheet_png_ratio", "sheet_jpeg_ratio")
UNITS = {"boundary_score": DISTANCE, "psnr": "decibel", "png_bytes": "bytes", "jpeg_bytes": "bytes"}
UNITS |= {"colours": "colours", "colours_clean": "colours"} | dict.fromkeys(RATIOS, "of clean")


def unit_of(metric: str) -> str:
    """Unit of a metric's numbers: percent for shares of images, ``score`` for measures without a unit."""
    return UNITS.get(metric, "score" if metric in (*MEASURES, *GRADIENT_METRICS) else PERCENT)


def outcomes_by_name(tables: Iterable[Mapping[str, Any]], paths: Iterable[str]) -> dict[Place, str]:
    """The files that the cells of these tables count, by place, each once.

    ``tables`` are the settings of the rule cells, one per table. Raises `LacunaError` where ``paths`` are not just
    these files, as `lacuna.files.named.named_inputs`.
    """
    said = (one for settings in tables for one in settings["outcomes"])
    found = named_inputs(said, ("folder", "suite", "target"), paths)
    return {(folder, suite, target): path for (folder, suite, target), path in found.items()}


def read_lines(place: Place, path: str) -> pd.DataFrame:
    """What cells of this place count: outcomes, or measures of images."""
    return read_measures(path) if place[1].startswith(MEASURED) else read_outcomes(path)


def rows_of(cell: Cell, outcomes: Outcomes) -> pd.DataFrame:
    """Lines of the cell's attack on its source, outcomes or measures; ``outcomes`` are keyed by `place_of`."""
    rows = outcomes[place_of(cell)]
    return rows[(rows["attack"] == cell["attack"]) & (rows["source"] == cell["source"])]


def sample(cell: Cell, outcomes: Outcomes) -> Sample:
    """The images that the cell's metric counts. Invalid examples are never counted.

    The metrics: those of ``METRICS`` (conditional_accuracy needs the outcomes of both targets in ``cell["pair"]``),
    and the measures of `lacuna.language.attacks.MEASURES` and of gradients. Raises KeyError for another one.
    """
    measured = place_of(cell)[0].startswith(MEASURED)
    return (_measure if measured else METRICS[cell["metric"]])(rows_of(cell, outcomes), cell, outcomes)


def fooled(rows: pd.DataFrame) -> Array:
    """Whether each line is a valid example that fools its source; without a source (label -1) every valid one does."""
    return (rows["valid"] & (rows["source_adversarial"] != rows["label"])).to_numpy()


def attacked(rows: pd.DataFrame, cell: Cell) -> Array:
    """Whether a defense rate counts each line's example: one that fools its source.

    In the white box the source is the target, and no example that fools it is withstood: there every valid one counts
    (released code).
    """
    return rows["valid"].to_numpy() if cell["source"] == cell["target"] else fooled(rows)


def with_source(rows: pd.DataFrame) -> Array:
    """Whether each line's example was made on a network; its label is -1 where none was."""
    return (rows["source_adversarial"] >= 0).to_numpy()


def _clean(rows: pd.DataFrame) -> Array:
    return (rows["clean"] == rows["label"]).to_numpy()


def _sample(rows: pd.DataFrame, counted: Array) -> Sample:
    """Share of the counted examples that the target labels with the true class."""
    survived = (rows["adversarial"] == rows["label"]).to_numpy()
    return Sample(rows["image"].to_numpy()[counted], survived[counted])


def _test_accuracy(rows: pd.DataFrame, cell: Cell, outcomes: Outcomes) -> Sample:
    """Over the whole clean test set."""
    return Sample(rows["image"].to_numpy(), _clean(rows))


def _defense_rate(rows: pd.DataFrame, cell: Cell, outcomes: Outcomes) -> Sample:
    """Over examples whose clean image the target gets right and that fool the source (Section 4, appendix A.7).

    In the white box over all examples of images that the target gets right.
    """
    return _sample(rows, _clean(rows) & attacked(rows, cell))


def _adversarial_accuracy(rows: pd.DataFrame, cell: Cell, outcomes: Outcomes) -> Sample:
    """Over all examples, whatever the target says about the clean image (Table 2, Figure 4)."""
    return _sample(rows, rows["valid"].to_numpy())


def _conditional_accuracy(rows: pd.DataFrame, cell: Cell, outcomes: Outcomes) -> Sample:
    """Over transformed images whose clean image both networks of a pair get right (Section 3.2, Tables 1, 11)."""
    both = rows["valid"].to_numpy()
    for target in cell["pair"]:
        partner = rows_of({**cell, "target": target}, outcomes)
        both = both & rows["image"].isin(partner.loc[_clean(partner), "image"]).to_numpy()
    return _sample(rows, both)


def _boundary_score(rows: pd.DataFrame, cell: Cell, outcomes: Outcomes) -> Sample:
    """Median squared l2 distance per value over examples of images the target gets right (Section 4.2.1, Table 4)."""
    counted = rows["valid"].to_numpy() & _clean(rows)
    return Sample(rows["image"].to_numpy()[counted], rows["distance"].to_numpy()[counted], median=True)


def _success_rate(rows: pd.DataFrame, cell: Cell, outcomes: Outcomes) -> Sample:
    """Share of examples that reach their aim, over images the target, defense included, gets right when clean.

    The aim is the wanted class, or without one any wrong class. An example that was not found has failed.
    """
    return _succeeded(rows, rows["adversarial"], _clean(rows))


def _success_relaxed(rows: pd.DataFrame, cell: Cell, outcomes: Outcomes) -> Sample:
    """As success_rate for the source and the float image of AdvDrop's relaxed quantiser (released code)."""
    return _succeeded(rows, rows["relaxed"], (rows["source_clean"] == rows["label"]).to_numpy())


def _success_hard(rows: pd.DataFrame, cell: Cell, outcomes: Outcomes) -> Sample:
    """As success_rate for the source and AdvDrop's float image quantised by rounding."""
    return _succeeded(rows, rows["hard"], (rows["source_clean"] == rows["label"]).to_numpy())


def _succeeded(rows: pd.DataFrame, answers: pd.Series, counted: Array) -> Sample:
    reached = np.where(rows["wanted"] >= 0, answers == rows["wanted"], answers != rows["label"])
    counted = counted & (answers >= 0).to_numpy()
    return Sample(rows["image"].to_numpy()[counted], (reached & rows["valid"].to_numpy())[counted])


def _certified_accuracy(rows: pd.DataFrame, cell: Cell, outcomes: Outcomes) -> Sample:
    """Share of clean images that a smoothed network gets right and certifies up to the cell's l2 radius."""
    certified = _clean(rows) & (rows["radius"] >= cell["radius"]).to_numpy()
    return Sample(rows["image"].to_numpy(), certified)


def _bounded_accuracy(rows: pd.DataFrame, cell: Cell, outcomes: Outcomes) -> Sample:
    """Share of images that no example within the cell's l2 radius breaks, over all images.

    The radius is stated for an image of ``reference`` values, so it is radius^2 / reference per value for any size.
    """
    within = rows["valid"] & (rows["distance"] <= cell["radius"] ** 2 / cell["reference"])
    survived = (rows["clean"] == rows["label"]) & ~(within & (rows["adversarial"] != rows["label"]))
    return Sample(rows["image"].to_numpy(), survived.to_numpy())


def _measure(rows: pd.DataFrame, cell: Cell, outcomes: Outcomes) -> Sample:
    """Mean of a measure over the images it could be taken of: adversarial ones, or clean ones for gradients."""
    kept = rows[rows[cell["metric"]].notna()]
    return Sample(kept["image"].to_numpy(), kept[cell["metric"]].to_numpy(dtype=float))


METRICS: dict[str, Callable[[pd.DataFrame, Cell, Outcomes], Sample]] = {
    "defense_rate": _defense_rate,
    "test_accuracy": _test_accuracy,
    "adversarial_accuracy": _adversarial_accuracy,
    "conditional_accuracy": _conditional_accuracy,
    "boundary_score": _boundary_score,
    "success_rate": _success_rate,
    "success_relaxed": _success_relaxed,
    "success_hard": _success_hard,
    "certified_accuracy": _certified_accuracy,
    "bounded_accuracy": _bounded_accuracy,
}


def folders(settings: Mapping[str, Any]) -> list[str]:
    """The folders of a table's training seeds below results/<scale>/, from the settings of the rule cells."""
    return list(settings.get("replicas", [settings["dataset"]]))


def samples_of(tables: Iterable[Mapping[str, Any]], load: Load) -> list[list[Sample]]:
    """What every cell of the tables counts, once per training seed, reading each file of outcomes once.

    ``tables`` are the settings of the rule cells, one per table; ``load(folder, suite, target)`` gives outcomes. In
    the order of the tables' cells.
    """
    places = [(folders(settings), cell) for settings in tables for cell in settings["cells"]]
    files: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for i, (names, cell) in enumerate(places):
        for seed, folder in enumerate(names):
            files.setdefault((folder, *place_of(cell)), []).append((i, seed))
    samples: dict[tuple[int, int], Sample] = {}
    for (folder, suite, target), cells in files.items():
        partners = [partner for i, _ in cells for partner in places[i][1].get("pair", [])]
        outcomes = {(suite, name): load(folder, suite, name) for name in {target: 0} | dict.fromkeys(partners)}
        samples |= {(i, seed): sample(places[i][1], outcomes) for i, seed in cells}
    return [[samples[i, seed] for seed in range(len(names))] for i, (names, _) in enumerate(places)]


def summarise(counted: Sample) -> dict[str, Any]:
    """``value``, ``n``, ``ci_low``, ``ci_high`` of a sample, in its unit; without values where nothing counts.

    Shares are percent with four decimals and a Wilson interval; means of scores and medians have six digits, and a
    bootstrap interval or that between two order statistics, empty for fewer than six images.
    """
    n = len(counted.values)
    if not n:
        return {"value": None, "n": 0, "ci_low": None, "ci_high": None}
    if not counted.share:
        interval = median_interval if counted.median else mean_interval
        low, high = (None if np.isnan(x) else digits(x) for x in interval(counted.values))
        return {"value": digits(counted.estimate()), "n": n, "ci_low": low, "ci_high": high}
    low, high = (round(100 * x, 4) for x in wilson(int(counted.values.sum()), n))
    return {"value": percent(counted.values), "n": n, "ci_low": low, "ci_high": high}


def digits(value: float) -> float:
    """A distance with six significant digits."""
    return float(f"{value:.6g}")


def percent(hits: Sequence[bool] | Array) -> float | None:
    """Share of true values in percent, four decimals; None of nothing."""
    return round(100 * float(np.mean(hits)), 4) if len(hits) else None
