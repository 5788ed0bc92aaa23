"""The numbers of a table, one line per cell, from outcomes. `lacuna.reporting` renders them."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from statsmodels.stats.weightstats import DescrStatsW

from lacuna.language.codes import (
    PERCENT,
    Ensembles,
    Origin,
    arch_code,
    metric_code,
    network_of,
    origin_of,
    source_code,
    variant_code,
    white_box,
)
from lacuna.language.doubts import join_texts
from lacuna.language.exhibits import BOUNDED_METRICS
from lacuna.numbers.flags import (
    CHECK_COLUMNS,
    FLAGS,
    all_flags,
    common_sample,
    companions,
    flag_columns,
    images_right_on_all_rows,
)
from lacuna.numbers.lines import CellSettings, Outcomes, lines_of
from lacuna.numbers.metrics import (
    SeedOrigin,
    counts_for_defense,
    fools_source,
    gets_right,
    has_source,
    percentage,
    round_digits,
    sample,
    samples_of,
    seed_folders,
    summarise,
    unit_of,
)
from lacuna.numbers.spread import PRINT_COLUMNS, SEED_VALUES, joined, prediction_interval
from lacuna.numbers.statistics import Array, Sample, replicates

CELL_COLUMNS = [
    *("exhibit", "row", "column", "target", "keep_prob", "variant", "source", "attack", "metric"),
    *("value", "unit", "n", "ci_low", "ci_high", "printed", "difference"),
    *("robust_accuracy_all", "sdr_common", "fooled_source_share"),
    *("dataset", "scale", "seeds", "provenance"),
]
ANSWER_COLUMNS = ["answers", "variance_images", "variance_answers"]  # before those, where a target draws
SEED_COLUMNS = ["seed_low", "seed_high", SEED_VALUES, *PRINT_COLUMNS]  # after seeds, where there are several
TEXT_COLUMNS = ("beaten_by", "flags")  # of the `CHECK_COLUMNS`
COMPANIONS = ["robust_accuracy_all", "sdr_common", "fooled_source_share"]
T = TypeVar("T")


def compute_cells(
    settings: Mapping[str, Any],
    outcomes: Mapping[Origin, pd.DataFrame],
    printed: pd.DataFrame,
    digests: Mapping[Origin, str],
) -> pd.DataFrame:
    """All cells of one table for one training seed, in printed order, with the columns of docs/trace.md.

    ``settings`` are those of the rule cells. Its key ``ensembles`` (optional) names the members of every ensemble among
    the cells' models. Its key ``checks`` (optional) says of every cell what it is checked for; such a table has the
    `CHECK_COLUMNS` too, before the provenance. Any table with a flag has the column `FLAGS` there, and one with a
    target that draws the `ANSWER_COLUMNS`, the number of answers about an image among them. ``outcomes``, and
    ``digests`` of their provenance, are keyed by their origins. ``printed`` has the paper's cells: row, column, target
    (empty where it names none), attack, value.
    """
    outcomes = Outcomes(outcomes)
    right = images_right_on_all_rows(outcomes)
    paper = _printed_cells(printed)
    shared = {"exhibit": settings["exhibit"], "dataset": settings["dataset"], "scale": settings["scale"], "seeds": 1}
    lines = []
    for cell in settings["cells"]:
        line = cell_identity(cell, settings.get("ensembles", {})) | _measure(cell, outcomes, right)
        place = (cell["row"], cell["column"])
        theirs = paper.get((*place, line["target"]), paper.get((*place, "")))
        line |= _against_paper(cell, line, theirs, settings)
        lines.append(line | shared | {"provenance": digests[origin_of(cell)]})
    frame = pd.DataFrame(lines, columns=CELL_COLUMNS)
    frame = _with_checks(frame, settings, outcomes, right) if "checks" in settings else frame
    flags = all_flags(settings["cells"], list(frame.get(FLAGS, [""] * len(frame))), outcomes)
    frame = _with_flags(frame, flags) if FLAGS in frame or any(flags) else frame
    return _with_answers(frame, lines) if any("answers" in line for line in lines) else frame


def _with_answers(frame: pd.DataFrame, lines: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The cells with the `ANSWER_COLUMNS`, the last before the provenance; 1 answer of a target that does not draw."""
    said = [{"answers": 1, **{name: line[name] for name in ANSWER_COLUMNS if name in line}} for line in lines]
    more = pd.DataFrame(said, columns=ANSWER_COLUMNS)
    return frame.assign(**more)[[*frame.columns[:-1], *ANSWER_COLUMNS, frame.columns[-1]]]


def _with_flags(frame: pd.DataFrame, flags: Sequence[str]) -> pd.DataFrame:
    """The cells with a column of flags, the last before the provenance where there is none yet."""
    columns = list(frame.columns) if FLAGS in frame else [*frame.columns[:-1], FLAGS, frame.columns[-1]]
    return frame.assign(**{FLAGS: flags})[columns]


def _printed_cells(printed: pd.DataFrame) -> dict[tuple[Any, Any, Any], Any]:
    """The paper's cells, by row, column and target."""
    targets = printed["target"].astype(object).where(printed["target"].notna(), "")
    return {(p.row, p.column, target): p for p, target in zip(printed.itertuples(), targets, strict=True)}


def _with_checks(frame: pd.DataFrame, settings: Mapping[str, Any], outcomes: Outcomes, right: set[int]) -> pd.DataFrame:
    """The cells with their flags, and with companions where they are under attack."""
    cells, checks = settings["cells"], settings["checks"]
    beside = [companions(cell, outcomes, right) if checks[i] else {} for i, cell in enumerate(cells)]
    more = pd.DataFrame(beside).join(flag_columns(cells, checks, outcomes)).astype({"sdr_common_n": "Int64"})
    more = more.combine_first(frame[["robust_accuracy_all", "sdr_common"]])
    return frame.assign(**more)[[*CELL_COLUMNS[:-1], *CHECK_COLUMNS, CELL_COLUMNS[-1]]]


def table_cells(
    settings: Mapping[str, Any],
    outcomes: Mapping[SeedOrigin, pd.DataFrame],
    printed: pd.DataFrame,
    digests: Mapping[SeedOrigin, str],
) -> pd.DataFrame:
    """All cells of one table, over all training seeds: as `compute_cells`, with keys (folder, origin).

    Of several seeds, values and companions are means, and ``n`` is the smallest. ``ci_low`` and ``ci_high`` are over
    images, for these networks (bootstrap, paired by image). Of the `SEED_COLUMNS`, ``seed_low`` and ``seed_high`` are
    the t interval of the mean over trainings, ``seed_values`` are the values of all trainings, and ``print_low`` and
    ``print_high`` are where a further training would fall (`prediction_interval`), for cells on the paper's dataset and
    attack with networks of its width. Where a seed has no value, the cell has none.
    """
    seeds = [
        compute_cells(settings, _of_seed(outcomes, folder), printed, _of_seed(digests, folder))
        for folder in seed_folders(settings)
    ]
    if len(seeds) == 1:
        return seeds[0]
    checked = CHECK_COLUMNS if "checks" in settings else []
    flagged = checked or [FLAGS] * any(FLAGS in one for one in seeds)
    repeated = ANSWER_COLUMNS if "answers" in seeds[0] else []
    provenance = [" ".join(each) for each in zip(*(one["provenance"] for one in seeds), strict=True)]
    frame = seeds[0].assign(**_means_over_seeds(settings, seeds, outcomes))
    frame = frame.assign(n=np.min([one["n"] for one in seeds], axis=0), seeds=len(seeds), provenance=provenance)
    frame = frame.assign(**_checks_over_seeds(settings, seeds, outcomes)) if checked else frame
    frame = frame.assign(**{FLAGS: _texts_over_seeds(seeds, FLAGS)}, **_against_print(settings, seeds))
    means = {name: np.mean(_stacked(seeds, name), axis=0) for name in repeated[1:]}
    frame = frame.assign(**{name: [round_digits(one) for one in mean] for name, mean in means.items()})
    return frame[[*CELL_COLUMNS[:-1], *flagged, *repeated, *SEED_COLUMNS, CELL_COLUMNS[-1]]]


def _means_over_seeds(
    settings: Mapping[str, Any],
    seeds: Sequence[pd.DataFrame],
    outcomes: Mapping[SeedOrigin, pd.DataFrame],
) -> dict[str, list[float]]:
    """Values, companions and differences as means over training seeds, and their two kinds of intervals."""
    units = seeds[0]["unit"]
    values = {name: _stacked(seeds, name) for name in ("value", "difference", *COMPANIONS)}
    numbers = {name: array.mean(axis=0) for name, array in values.items()}
    samples = samples_of([settings], lambda folder, origin: outcomes[folder, origin])
    low, high = _over_images(samples, numbers["value"], units)
    seed_low, seed_high = DescrStatsW(values["value"]).tconfint_mean(alpha=0.05)
    numbers |= {"ci_low": low, "ci_high": high, "seed_low": seed_low, "seed_high": seed_high}
    return {name: _rounded(array, units) for name, array in numbers.items()}


def _against_print(settings: Mapping[str, Any], seeds: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Every training's values, and where a further one would fall, for cells with which print can be compared."""
    values, units = _stacked(seeds, "value"), seeds[0]["unit"]
    comparable = seeds[0]["difference"].notna() & (Fraction(settings["width"]) == 1)
    bounds = prediction_interval(values, np.asarray(units == PERCENT))
    limits = zip(PRINT_COLUMNS, bounds, strict=True)
    return {
        SEED_VALUES: [joined(each) for each in values.T],
        **{name: _rounded(np.where(comparable, bound, np.nan), units) for name, bound in limits},
    }


def _checks_over_seeds(
    settings: Mapping[str, Any],
    seeds: Sequence[pd.DataFrame],
    outcomes: Mapping[SeedOrigin, pd.DataFrame],
) -> dict[str, Any]:
    """`CHECK_COLUMNS` over training seeds: means, intervals over images, and every flag that stands in any of them."""
    units = seeds[0]["unit"]
    low, high = _common_intervals(settings, seeds, outcomes)
    return {
        "sdr_common_n": pd.concat([one["sdr_common_n"] for one in seeds], axis=1).min(axis=1),
        "sdr_common_low": _rounded(low, units),
        "sdr_common_high": _rounded(high, units),
        "zero_gradients": _rounded(_stacked(seeds, "zero_gradients").mean(axis=0), units),
        **{name: _texts_over_seeds(seeds, name) for name in TEXT_COLUMNS},
    }


def _common_intervals(
    settings: Mapping[str, Any],
    seeds: Sequence[pd.DataFrame],
    outcomes: Mapping[SeedOrigin, pd.DataFrame],
) -> tuple[Array, Array]:
    """Intervals (cells,) over images of the defense rates on common images; NaN for cells that are not checked."""
    parts = [Outcomes(_of_seed(outcomes, folder)) for folder in seed_folders(settings)]
    right = [images_right_on_all_rows(part) for part in parts]
    places = [i for i, check in enumerate(settings["checks"]) if check]
    samples = [
        [common_sample(settings["cells"][i], part, kept) for part, kept in zip(parts, right, strict=True)]
        for i in places
    ]
    means = _stacked(seeds, "sdr_common").mean(axis=0)
    low, high = np.full((2, len(means)), np.nan)
    low[places], high[places] = _over_images(samples, means[places], seeds[0]["unit"].iloc[places])
    return low, high


def _texts_over_seeds(seeds: Sequence[pd.DataFrame], name: str) -> list[str]:
    """A text column of each cell, with the parts that stand in any seed, each part once."""
    columns = [one.get(name, [""] * len(one)) for one in seeds]
    return [join_texts(texts) for texts in zip(*columns, strict=True)]


def _of_seed(files: Mapping[SeedOrigin, T], folder: str) -> dict[Origin, T]:
    """The files of one training seed, which has its own ``folder``."""
    return {origin: content for (name, origin), content in files.items() if name == folder}


def _stacked(seeds: Sequence[pd.DataFrame], name: str) -> Array:
    """A column of every seed's cells, (seeds, cells); NaN where it is empty."""
    return np.array([one[name].to_numpy(dtype=float) for one in seeds])


def _over_images(samples: Sequence[Sequence[Sample]], values: Array, units: pd.Series) -> tuple[Array, Array]:
    """95 % intervals (cells,) of means over several networks, over the images that each network counts."""
    seeds = len(samples[0])
    draws = replicates([[sample] for cell in samples for sample in cell])
    means = draws.reshape(len(samples), seeds, -1).mean(axis=1) * np.where(units == PERCENT, 100, 1)[:, None]
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    return np.minimum(low, values), np.maximum(high, values)  # as Jeffreys' interval is extended to a share of 0 or 1


def _rounded(values: Array, units: pd.Series) -> list[float]:
    """Numbers as `summarise` rounds them: percentages to four decimals, other numbers to six digits."""
    pairs = zip(values, units, strict=True)
    return [round(value, 4) if unit == PERCENT else round_digits(value) for value, unit in pairs]


def cell_identity(cell: CellSettings, ensembles: Ensembles) -> dict[str, Any]:
    """What a cell is a number of, in the codes of the printed tables; white-box sources are ``self``, ``defended``."""
    model, source = cell["model"], cell["source"]
    spec = network_of(model, ensembles)
    return {
        "row": cell["row"],
        "column": cell["column"],
        "target": arch_code(spec.arch),
        "keep_prob": spec.keep_prob,
        "variant": "+".join(filter(None, [variant_code(model, source, ensembles), cell["defense"]])),
        "source": white_box(cell) or source_code(source, ensembles),
        "attack": _attack_code(cell),
        "metric": metric_code(cell),
        "unit": cell.get("unit") or unit_of(cell["metric"]),
    }


def _attack_code(cell: CellSettings) -> str:
    """The attack's code, and the radius within which it counts: ``certified_r0.5``, ``cw_k0_r2``."""
    if cell["metric"] == "certified_accuracy":
        return f"certified_r{cell['radius']:g}"
    return f"{cell['attack']}_r{cell['radius']:g}" if cell["metric"] in BOUNDED_METRICS else cell["attack"]


def _measure(cell: CellSettings, outcomes: Outcomes, right: set[int]) -> dict[str, Any]:
    """Value, n and interval of one cell, and its companions; ``right`` are the ids that every row gets right."""
    measured = summarise(sample(cell, outcomes))
    if not cell["source"] or cell.get("measured"):  # of clean images, or seen by no target
        return measured
    lines = lines_of(cell, outcomes)
    if not has_source(lines).any():
        return measured
    measured["fooled_source_share"] = percentage(fools_source(lines))
    if cell["metric"] == "defense_rate":
        survived = gets_right(lines, "adversarial")
        common = lines["image"].isin(right).to_numpy()
        measured["robust_accuracy_all"] = percentage(survived[lines["valid"].to_numpy()])
        measured["sdr_common"] = percentage(survived[common & counts_for_defense(lines, cell)])
    return measured


def _against_paper(
    cell: CellSettings, line: Mapping[str, Any], printed: Any, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The printed value, and the difference where dataset and attack are the paper's."""
    if printed is None:
        return {"printed": None, "difference": None}
    same = settings["dataset"] == settings["paper_dataset"] and cell["attack"] == printed.attack
    if not same or line["value"] is None:
        return {"printed": printed.value, "difference": None}
    difference = line["value"] - printed.value
    rounded = round(difference, 4) if line["unit"] == PERCENT else round_digits(difference)
    return {"printed": printed.value, "difference": rounded}
