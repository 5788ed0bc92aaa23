"""What a cell counts: from outcomes to a metric's sample of images, and from samples to numbers with intervals."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from lacuna.files.contents import REPEATED, read_measures, read_outcomes
from lacuna.files.named import named_inputs
from lacuna.foreign.metrics import ask_metric
from lacuna.language.attacks import MEASURES, UNROUNDED
from lacuna.language.codes import GRADIENT_METRICS, PERCENT, SCORE, Origin, is_own, metric_code, origin_of
from lacuna.numbers.lines import CellSettings, Outcomes, lines_of
from lacuna.numbers.repetitions import Repeated, repeated_interval, share_of, variances
from lacuna.numbers.statistics import (
    NOTHING,
    Array,
    Sample,
    Stated,
    mean_interval,
    median_interval,
    scene_interval,
    wilson,
)

SeedOrigin = tuple[str, Origin]  # an origin in the folder of a training seed
Load = Callable[[str, Origin], pd.DataFrame]  # folder of a training seed, origin -> lines
DISTANCE = "median_squared_l2_per_pixel"
RATIOS = ("png_ratio", "jpeg_ratio", "sheet_png_ratio", "sheet_jpeg_ratio")
UNITS = {"boundary_score": DISTANCE, "psnr": "decibel", "png_bytes": "bytes", "jpeg_bytes": "bytes"}
UNITS |= {"colours": "colours", "colours_clean": "colours"} | dict.fromkeys(RATIOS, "of clean")


def unit_of(metric: str) -> str:
    """Unit of a metric's numbers: percent for shares of images, ``score`` for measures without a unit."""
    return UNITS.get(metric, SCORE if metric in (*MEASURES, *GRADIENT_METRICS) else PERCENT)


def outcomes_by_name(tables: Iterable[Mapping[str, Any]], paths: Iterable[str]) -> dict[SeedOrigin, str]:
    """The files that the cells of these tables count, by folder and origin, each file once.

    ``tables`` are the settings of the rule cells, one per table. Raises `LacunaError` where ``paths`` are not exactly
    these files, as `lacuna.files.named.named_inputs`.
    """
    said = (one for settings in tables for one in settings["outcomes"])
    found = named_inputs(said, ("folder", *Origin._fields), paths)
    return {(folder, Origin(*origin)): path for (folder, *origin), path in found.items()}


def read_lines(origin: Origin, path: str) -> pd.DataFrame:
    """The lines of an origin from its file: outcomes, or measures of images."""
    return read_measures(path) if origin.measures else read_outcomes(path)


def sample(cell: CellSettings, outcomes: Outcomes) -> Sample:
    """The images that the cell's metric counts. Invalid examples are never counted.

    The metrics are those of `METRICS`, the measures of `lacuna.language.attacks.MEASURES`, and the measures of
    gradients. The metric conditional_accuracy needs the outcomes of both targets in ``cell["pair"]``. One of the user's
    own, ``module:name``, states its number (`Stated`), and raises `LacunaError` where it cannot. Raises KeyError for
    any other metric.
    """
    if is_own(cell["metric"]):
        return _own(cell, lines_of(cell, outcomes))
    count = _measure if origin_of(cell).measures else METRICS[cell["metric"]]
    return replace(count(lines_of(cell, outcomes), cell, outcomes), scene_images=cell.get("scene_images", 1))


def fools_source(lines: pd.DataFrame) -> Array:
    """Whether each line is a valid example that fools its source; without a source (label -1) every valid one does."""
    return (lines["valid"] & (lines["source_adversarial"] != lines["label"])).to_numpy()


def counts_for_defense(lines: pd.DataFrame, cell: CellSettings) -> Array:
    """Whether a defense rate counts each line's example: those that fool their source.

    In the white box the source is the target. No target withstands an example that fools it. There every valid example
    counts (released code).
    """
    return lines["valid"].to_numpy() if cell["source"] == cell["target"] else fools_source(lines)


def has_source(lines: pd.DataFrame) -> Array:
    """Whether each line's example was made on a network. The source's label is -1 where there was none."""
    return (lines["source_adversarial"] >= 0).to_numpy()


def _clean_right(lines: pd.DataFrame) -> Array:
    """Whether the target gets each line's clean image right."""
    return (lines["clean"] == lines["label"]).to_numpy()


def answers_of(lines: pd.DataFrame, column: str) -> Array:
    """The target's answers (n,) on ``clean`` or ``adversarial`` images; (n, k) of one that draws and was asked k times.

    The column itself then has the answer that each image got most often.
    """
    repeated = REPEATED.get(column, "")
    if repeated not in lines:
        return lines[column].to_numpy()
    return np.stack(lines[repeated].to_list()) if len(lines) else np.zeros((0, 2), dtype=int)


def gets_right(lines: pd.DataFrame, column: str) -> Array:
    """Whether each of `answers_of` is the true class."""
    answers = answers_of(lines, column)
    return answers == _beside(lines["label"], answers)


def _beside(values: "pd.Series[Any] | Array", answers: Array) -> Array:
    """A value per image, in the shape that meets its answers."""
    column = np.asarray(values)
    return column[:, None] if answers.ndim == 2 else column


def _accuracy(lines: pd.DataFrame, counted: Array) -> Sample:
    """Whether the target labels each counted example with the true class."""
    return share_of(lines["image"].to_numpy()[counted], gets_right(lines, "adversarial")[counted])


def _test_accuracy(lines: pd.DataFrame, cell: CellSettings, outcomes: Outcomes) -> Sample:
    """Share of the clean test images that the target gets right."""
    return share_of(lines["image"].to_numpy(), gets_right(lines, "clean"))


def _defense_rate(lines: pd.DataFrame, cell: CellSettings, outcomes: Outcomes) -> Sample:
    """Share of examples that the target gets right (Section 4, appendix A.7).

    It counts examples that fool the source, of images that the target gets right when clean. In the white box it counts
    all examples of such images.
    """
    return _accuracy(lines, _clean_right(lines) & counts_for_defense(lines, cell))


def _adversarial_accuracy(lines: pd.DataFrame, cell: CellSettings, outcomes: Outcomes) -> Sample:
    """Share of all examples that the target gets right, whatever it says about the clean image (Table 2, Figure 4)."""
    return _accuracy(lines, lines["valid"].to_numpy())


def _conditional_accuracy(lines: pd.DataFrame, cell: CellSettings, outcomes: Outcomes) -> Sample:
    """Share of transformed images that the target gets right (Section 3.2, Tables 1, 11).

    It counts images that both networks of a pair get right when clean.
    """
    both = lines["valid"].to_numpy()
    for target in cell["pair"]:
        partner = lines_of({**cell, "target": target}, outcomes)
        both = both & lines["image"].isin(partner.loc[_clean_right(partner), "image"]).to_numpy()
    return _accuracy(lines, both)


def _boundary_score(lines: pd.DataFrame, cell: CellSettings, outcomes: Outcomes) -> Sample:
    """Median squared l2 distance per value (Section 4.2.1, Table 4), over examples of images the target gets right."""
    counted = lines["valid"].to_numpy() & _clean_right(lines)
    return Sample(lines["image"].to_numpy()[counted], lines["distance"].to_numpy()[counted], median=True)


def _success_rate(lines: pd.DataFrame, cell: CellSettings, outcomes: Outcomes) -> Sample:
    """Share of examples that reach their aim, over images that the target, with its defense, gets right when clean.

    The aim is the wanted class; where none is wanted, it is any wrong class. An example that was not found has failed.
    """
    return _success(lines, answers_of(lines, "adversarial"), _clean_right(lines))


def _success_relaxed(lines: pd.DataFrame, cell: CellSettings, outcomes: Outcomes) -> Sample:
    """As success_rate, but for the source and the float image of AdvDrop's relaxed quantiser (released code)."""
    return _success(lines, lines["relaxed"].to_numpy(), (lines["source_clean"] == lines["label"]).to_numpy())


def _success_hard(lines: pd.DataFrame, cell: CellSettings, outcomes: Outcomes) -> Sample:
    """As success_rate, but for the source and AdvDrop's float image after quantisation by rounding."""
    return _success(lines, lines["hard"].to_numpy(), (lines["source_clean"] == lines["label"]).to_numpy())


def _success(lines: pd.DataFrame, answers: Array, counted: Array) -> Sample:
    """Whether each counted example reaches its aim, by the ``answers`` to it; -1 is no answer and is not counted."""
    wanted, label, valid = (_beside(lines[name], answers) for name in ("wanted", "label", "valid"))
    reached = np.where(wanted >= 0, answers == wanted, answers != label)
    given = answers >= 0
    counted = counted & (given if given.ndim == 1 else given.all(axis=1))
    return share_of(lines["image"].to_numpy()[counted], (reached & valid)[counted])


def _certified_accuracy(lines: pd.DataFrame, cell: CellSettings, outcomes: Outcomes) -> Sample:
    """Share of clean images that a smoothed network gets right and certifies up to the cell's l2 radius."""
    certified = _clean_right(lines) & (lines["radius"] >= cell["radius"]).to_numpy()
    return Sample(lines["image"].to_numpy(), certified)


def _bounded_accuracy(lines: pd.DataFrame, cell: CellSettings, outcomes: Outcomes) -> Sample:
    """Share of images that no example within the cell's l2 radius breaks, over all images, for the source itself.

    Distance and decision are those of the attack's float image. The radius is that of an image of ``reference`` values.
    An image of any size may change by radius^2 / reference per value.
    """
    return _bounded(lines, cell, "distance", UNROUNDED)


def _bounded_accuracy_8bit(lines: pd.DataFrame, cell: CellSettings, outcomes: Outcomes) -> Sample:
    """As bounded_accuracy, but distance and decision are those of the 8-bit image, for any target."""
    return _bounded(lines, cell, "distance_8bit", "adversarial")


def _bounded(lines: pd.DataFrame, cell: CellSettings, distance: str, answer: str) -> Sample:
    within = lines["valid"] & (lines[distance] <= cell["radius"] ** 2 / cell["reference"])
    clean = gets_right(lines, "clean")
    said = gets_right(lines, answer)
    broken = _beside(within, clean) & ~(said if said.ndim == clean.ndim else said[:, None])
    return share_of(lines["image"].to_numpy(), clean & ~broken)


def _measure(lines: pd.DataFrame, cell: CellSettings, outcomes: Outcomes) -> Sample:
    """Mean of a measure over the images that have it: adversarial images, or clean ones for measures of gradients."""
    kept = lines[lines[cell["metric"]].notna()]
    return Sample(kept["image"].to_numpy(), kept[cell["metric"]].to_numpy(dtype=float))


def _own(cell: CellSettings, lines: pd.DataFrame) -> Stated:
    """What a function of the user's own says of the cell's lines."""
    place, arguments = f"[{cell['row']} | {cell['column']}]", cell.get("arguments", {})
    answer = ask_metric(cell["metric"], place, lines, arguments, cell["unit"])
    percent = cell["unit"] == PERCENT
    stated = (answer.value, answer.low, answer.high)
    value, low, high = (np.nan if one is None else one / (100 if percent else 1) for one in stated)
    said = [str(cell[key]) for key in ("row", "column", "target", "attack", "source")]
    key = crc32("\n".join([*said, metric_code(cell)]).encode())
    return Stated(*NOTHING, value=value, n=answer.n, low=low, high=high, percent=percent, key=key)


METRICS: dict[str, Callable[[pd.DataFrame, CellSettings, Outcomes], Sample]] = {
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
    "bounded_accuracy_8bit": _bounded_accuracy_8bit,
}


def seed_folders(settings: Mapping[str, Any]) -> list[str]:
    """The folders of a table's training seeds below results/<scale>/, from the settings of the rule cells."""
    return list(settings.get("replicas", [settings["dataset"]]))


def samples_of(tables: Iterable[Mapping[str, Any]], load: Load) -> list[list[Sample]]:
    """What every cell of the tables counts, once per training seed, in the order of the tables' cells.

    ``tables`` are the settings of the rule cells, one per table. ``load(folder, origin)`` gives the lines of one file.
    It is called once per file; a cell with a pair loads its partner again.
    """
    cells = [(seed_folders(settings), cell) for settings in tables for cell in settings["cells"]]
    files: dict[SeedOrigin, list[tuple[int, int]]] = {}
    for i, (folders, cell) in enumerate(cells):
        for seed, folder in enumerate(folders):
            files.setdefault((folder, origin_of(cell)), []).append((i, seed))
    samples: dict[tuple[int, int], Sample] = {}
    for (folder, origin), places in files.items():
        partners = [partner for i, _ in places for partner in cells[i][1].get("pair", [])]
        origins = [origin._replace(name=name) for name in dict.fromkeys([origin.name, *partners])]
        outcomes = Outcomes({one: load(folder, one) for one in origins})
        samples |= {(i, seed): sample(cells[i][1], outcomes) for i, seed in places}
    return [[samples[i, seed] for seed in range(len(folders))] for i, (folders, _) in enumerate(cells)]


def summarise(counted: Sample) -> dict[str, Any]:
    """``value``, ``n``, ``ci_low``, ``ci_high`` of a sample, in its unit; no value where nothing is counted.

    Shares are percent with four decimals and a Wilson interval. Means and medians have six digits. The interval of a
    mean is a bootstrap interval; that of a median lies between two order statistics. Both are empty below six images.
    Where several images show one scene, every interval is a bootstrap interval over scenes.
    What code of the user's own states stays as it is, rounded.
    """
    if isinstance(counted, Stated):
        value, low, high = (_in_unit(one, counted.percent) for one in (counted.value, counted.low, counted.high))
        return {"value": value, "n": counted.n, "ci_low": low, "ci_high": high}
    n = len(counted.values)
    if not n:
        return {"value": None, "n": 0, "ci_low": None, "ci_high": None}
    if isinstance(counted, Repeated):
        return _of_answers(counted)
    if counted.scene_images > 1 and counted.share:
        low, high = (round(100 * x, 4) for x in scene_interval(counted))
        return {"value": percentage(counted.values), "n": n, "ci_low": low, "ci_high": high}
    if not counted.share:
        low, high = (None if np.isnan(x) else round_digits(x) for x in _interval(counted))
        return {"value": round_digits(counted.estimate()), "n": n, "ci_low": low, "ci_high": high}
    low, high = (round(100 * x, 4) for x in wilson(int(counted.values.sum()), n))
    return {"value": percentage(counted.values), "n": n, "ci_low": low, "ci_high": high}


def _of_answers(counted: Repeated) -> dict[str, Any]:
    """`summarise` of repeated answers: with their number, and both variances of the value in percent squared."""
    interval = scene_interval(counted) if counted.scene_images > 1 else repeated_interval(counted)
    low, high = (round(100 * x, 4) for x in interval)
    parts = (None if np.isnan(part) else round_digits(100**2 * part) for part in variances(counted.answers))
    said = {
        "answers": counted.answers.shape[1],
        **dict(zip(("variance_images", "variance_answers"), parts, strict=True)),
    }
    return {"value": percentage(counted.values), "n": len(counted.values), "ci_low": low, "ci_high": high, **said}


def _interval(counted: Sample) -> tuple[float, float]:
    """The interval of a mean or a median."""
    if counted.scene_images > 1:
        return scene_interval(counted)
    return (median_interval if counted.median else mean_interval)(counted.values)


def _in_unit(number: float, percent: bool) -> float | None:
    if np.isnan(number):
        return None
    return round(100 * number, 4) if percent else round_digits(number)


def round_digits(value: float) -> float:
    """A number rounded to six significant digits."""
    return float(f"{value:.6g}")


def percentage(hits: Sequence[bool] | Array) -> float | None:
    """Share of true values in percent, with four decimals; None where there are no values."""
    return round(100 * float(np.mean(hits)), 4) if len(hits) else None
