"""The numbers of a table, one line per cell, from outcomes. Rendering them is `lacuna.reporting`."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from statsmodels.stats.weightstats import DescrStatsW

from lacuna.language.codes import Ensembles, arch_code, network_of, place_of, source_code, variant_code
from lacuna.language.exhibits import CLEAN_METRICS
from lacuna.numbers.flags import CHECK_COLUMNS, common, companions, flags, right_on_all_rows
from lacuna.numbers.metrics import (
    PERCENT,
    attacked,
    digits,
    folders,
    fooled,
    percent,
    rows_of,
    sample,
    samples_of,
    summarise,
    unit_of,
    with_source,
)
from lacuna.numbers.statistics import Array, Sample, replicates

COLUMNS = [
    *("exhibit", "row", "column", "target", "keep_prob", "variant", "source", "attack", "metric"),
    *("value", "unit", "n", "ci_low", "ci_high", "printed", "difference"),
    *("robust_accuracy_all", "sdr_common", "fooled_source_share"),
    *("dataset", "scale", "seeds", "provenance"),
]
SEED_COLUMNS = ["seed_low", "seed_high"]  # after seeds, where there are several
T = TypeVar("T")
TEXTS = ("beaten_by", "flags")
COMPANIONS = ["robust_accuracy_all", "sdr_common", "fooled_source_share"]


def compute_cells(
    settings: Mapping[str, Any],
    outcomes: Mapping[tuple[str, str], pd.DataFrame],
    printed: pd.DataFrame,
    digests: Mapping[tuple[str, str], str],
) -> pd.DataFrame:
    """All cells of one table in printed order, columns as documented in docs/trace.md.

    ``settings`` are those of the rule cells; its ``ensembles`` (optional) name the members of every ensemble among
    the cells' models, and its ``checks`` (optional) say of every cell what it is checked for: such a table has the
    columns `CHECK_COLUMNS` too, before the provenance. ``outcomes`` and ``digests`` (provenance) are keyed by
    `place_of`; ``printed`` has the paper's cells, with row, column, target (empty where the paper does not name it),
    attack and value.
    """
    right_on_all = right_on_all_rows(outcomes)
    targets = printed["target"].astype(object).where(printed["target"].notna(), "")
    paper = {(p.row, p.column, target): p for p, target in zip(printed.itertuples(), targets, strict=True)}
    lines = []
    for cell in settings["cells"]:
        line = identity(cell, settings.get("ensembles", {})) | _measure(cell, outcomes, right_on_all)
        place = (cell["row"], cell["column"])
        theirs = paper.get((*place, line["target"]), paper.get((*place, "")))
        line |= _against_paper(cell, line, theirs, settings)
        line |= {"exhibit": settings["exhibit"], "dataset": settings["dataset"], "scale": settings["scale"]}
        lines.append(line | {"seeds": 1, "provenance": digests[place_of(cell)]})
    frame = pd.DataFrame(lines, columns=COLUMNS)
    return _checked(frame, settings, outcomes, right_on_all) if "checks" in settings else frame


def _checked(
    frame: pd.DataFrame,
    settings: Mapping[str, Any],
    outcomes: Mapping[tuple[str, str], pd.DataFrame],
    right_on_all: set[int],
) -> pd.DataFrame:
    """The cells with their flags, and with companions where they are under attack."""
    cells, checks = settings["cells"], settings["checks"]
    beside = [companions(cell, outcomes, right_on_all) if checks[i] else {} for i, cell in enumerate(cells)]
    more = pd.DataFrame(beside).join(flags(cells, checks, outcomes)).astype({"sdr_common_n": "Int64"})
    more = more.combine_first(frame[["robust_accuracy_all", "sdr_common"]])
    return frame.assign(**more)[[*COLUMNS[:-1], *CHECK_COLUMNS, COLUMNS[-1]]]


def table_cells(
    settings: Mapping[str, Any],
    outcomes: Mapping[tuple[str, str, str], pd.DataFrame],
    printed: pd.DataFrame,
    digests: Mapping[tuple[str, str, str], str],
) -> pd.DataFrame:
    """All cells of one table, over all training seeds: as `compute_cells`, with keys (folder, suite, target).

    Of several seeds, values and companions are means and ``n`` is the smallest; ``ci_low`` and ``ci_high`` are over
    images, for these networks (bootstrap, paired by image); ``seed_low`` and ``seed_high`` (`SEED_COLUMNS`) are the t
    interval of the mean over trainings. Without a value in one seed there is none.
    """
    seeds = [
        compute_cells(settings, _of(outcomes, folder), printed, _of(digests, folder)) for folder in folders(settings)
    ]
    if len(seeds) == 1:
        return seeds[0]
    frame, units = seeds[0].copy(), seeds[0]["unit"]
    values = {name: _stacked(seeds, name) for name in ("value", "difference", *COMPANIONS)}
    numbers = {name: array.mean(axis=0) for name, array in values.items()}
    low, high = _over_images(samples_of([settings], lambda *key: outcomes[key]), numbers["value"], units)
    seed_low, seed_high = DescrStatsW(values["value"]).tconfint_mean(alpha=0.05)
    numbers |= {"ci_low": low, "ci_high": high, "seed_low": seed_low, "seed_high": seed_high}
    frame = frame.assign(**{name: _rounded(array, units) for name, array in numbers.items()})
    provenance = [" ".join(each) for each in zip(*(one["provenance"] for one in seeds), strict=True)]
    frame = frame.assign(n=np.min([one["n"] for one in seeds], axis=0), seeds=len(seeds), provenance=provenance)
    checked = CHECK_COLUMNS if "checks" in settings else []
    frame = frame.assign(**_checks_together(settings, seeds, outcomes)) if checked else frame
    return frame[[*COLUMNS[:-1], *checked, *SEED_COLUMNS, COLUMNS[-1]]]


def _checks_together(
    settings: Mapping[str, Any],
    seeds: Sequence[pd.DataFrame],
    outcomes: Mapping[tuple[str, str, str], pd.DataFrame],
) -> dict[str, Any]:
    """`CHECK_COLUMNS` over training seeds: means, intervals over images, and every flag that stands in any of them."""
    parts = [_of(outcomes, folder) for folder in folders(settings)]
    right = [right_on_all_rows(part) for part in parts]
    places = [i for i, check in enumerate(settings["checks"]) if check]
    samples = [
        [common(settings["cells"][i], part, kept) for part, kept in zip(parts, right, strict=True)] for i in places
    ]
    units = seeds[0]["unit"].iloc[places]
    means = _stacked(seeds, "sdr_common").mean(axis=0)
    low, high = np.full((2, len(means)), np.nan)
    low[places], high[places] = _over_images(samples, means[places], units)
    shares = _stacked(seeds, "zero_gradients").mean(axis=0)
    return {
        "sdr_common_n": pd.concat([one["sdr_common_n"] for one in seeds], axis=1).min(axis=1),
        "sdr_common_low": _rounded(low, seeds[0]["unit"]),
        "sdr_common_high": _rounded(high, seeds[0]["unit"]),
        "zero_gradients": _rounded(shares, seeds[0]["unit"]),
        **{name: [_any_of(texts) for texts in zip(*(one[name] for one in seeds), strict=True)] for name in TEXTS},
    }


def _any_of(texts: Sequence[str]) -> str:
    """Each of the texts' parts once."""
    return "; ".join(dict.fromkeys(part for text in texts for part in text.split("; ") if part))


def _of(files: Mapping[tuple[str, str, str], T], folder: str) -> dict[tuple[str, str], T]:
    """The part of one training seed."""
    return {(suite, target): content for (name, suite, target), content in files.items() if name == folder}


def _stacked(seeds: Sequence[pd.DataFrame], name: str) -> Array:
    """A column of every seed's cells, (seeds, cells); NaN where empty."""
    return np.array([one[name].to_numpy(dtype=float) for one in seeds])


def _over_images(samples: Sequence[Sequence[Sample]], values: Array, units: pd.Series) -> tuple[Array, Array]:
    """95 % intervals (cells,) of means of several networks, over the images that each of them counts."""
    seeds = len(samples[0])
    draws = replicates([[sample] for cell in samples for sample in cell])
    means = draws.reshape(len(samples), seeds, -1).mean(axis=1) * np.where(units == PERCENT, 100, 1)[:, None]
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    return np.fmin(low, values), np.fmax(high, values)  # as Jeffreys' interval is extended to a share of 0 or 1


def _rounded(values: Array, units: pd.Series) -> list[float]:
    """As `lacuna.numbers.metrics` writes them: percentages with four decimals, other numbers with six digits."""
    pairs = zip(values, units, strict=True)
    return [round(value, 4) if unit == PERCENT else digits(value) for value, unit in pairs]


def identity(cell: Mapping[str, Any], ensembles: Ensembles) -> dict[str, Any]:
    """What a cell is a number of, in the codes of the printed tables; ``self`` is a white-box source."""
    model, source = cell["model"], cell["source"]
    spec = network_of(model, ensembles)
    return {
        "row": cell["row"],
        "column": cell["column"],
        "target": arch_code(spec.arch),
        "keep_prob": spec.keep_prob,
        "variant": "+".join(filter(None, [variant_code(model, source, ensembles), cell["defense"]])),
        "source": "self" if source == model else source_code(source, ensembles),
        "attack": _attack_code(cell),
        "metric": cell["metric"],
        "unit": unit_of(cell["metric"]),
    }


def _attack_code(cell: Mapping[str, Any]) -> str:
    """The attack's code, and the radius within which it counts: ``certified_r0.5``, ``cw_k0_r2``."""
    if cell["metric"] == "certified_accuracy":
        return f"certified_r{cell['radius']:g}"
    return f"{cell['attack']}_r{cell['radius']:g}" if cell["metric"] == "bounded_accuracy" else cell["attack"]


def _measure(
    cell: Mapping[str, Any], outcomes: Mapping[tuple[str, str], pd.DataFrame], right_on_all: set[int]
) -> dict[str, Any]:
    """Value, n and interval of one cell, and its companions."""
    measured = summarise(sample(cell, outcomes))
    if cell["metric"] in CLEAN_METRICS or cell.get("measured"):
        return measured
    rows = rows_of(cell, outcomes)
    if not with_source(rows).any():
        return measured
    measured["fooled_source_share"] = percent(fooled(rows))
    if cell["metric"] == "defense_rate":
        survived = (rows["adversarial"] == rows["label"]).to_numpy()
        common = rows["image"].isin(right_on_all).to_numpy()
        measured["robust_accuracy_all"] = percent(survived[rows["valid"].to_numpy()])
        measured["sdr_common"] = percent(survived[common & attacked(rows, cell)])
    return measured


def _against_paper(
    cell: Mapping[str, Any], line: Mapping[str, Any], printed: Any, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The printed value, and the difference where dataset and attack are the paper's."""
    if printed is None:
        return {"printed": None, "difference": None}
    same = settings["dataset"] == settings["paper_dataset"] and cell["attack"] == printed.attack
    if not same or line["value"] is None:
        return {"printed": printed.value, "difference": None}
    difference = line["value"] - printed.value
    rounded = round(difference, 4) if line["unit"] == PERCENT else digits(difference)
    return {"printed": printed.value, "difference": rounded}
