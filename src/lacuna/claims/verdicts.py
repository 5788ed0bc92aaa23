"""Whether a paper's claims hold in cells: comparisons decided by the bootstrap, verdicts by counting them.

docs/claims.md states the rules in words; `lacuna.claims.relations` reads the claims and finds the comparisons.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from lacuna.claims.relations import KEYS, Claim, Claims, Comparison, Identity, find, text
from lacuna.numbers.metrics import PERCENT, digits
from lacuna.numbers.statistics import (
    LEVEL,
    RESAMPLES,
    Array,
    Sample,
    corrected,
    joint_intervals,
    joint_levels,
    replicates,
    same_images,
)

ENOUGH_SEEDS = 3
HOLDS, CONTRADICTED, UNDECIDED = "holds", "contradicted", "undecided"
SUPPORTED, HOLDS_HERE, INCONCLUSIVE = "supported", "holds for these networks", "inconclusive"
NOT_APPLICABLE, NOT_RUN = "not applicable", "not run"
CLAIM_COLUMNS = [
    *("id", "claim", "section", "stated", "comparisons", "hold", "clear_hold", "clear_against"),
    *(
        "share_needed",
        "margin",
        "p",
        "p_corrected",
        "verdict",
        "note",
        "printed_comparisons",
        "printed_hold",
        "printed_verdict",
    ),
    *("cells", "dataset", "scale", "seeds"),
]
COMPARISON_COLUMNS = [
    *("claim", "left", "relation", "right", "advantage", "low", "high", "hold", "decision"),
    *("p", "both", "mcnemar"),
    *("left_provenance", "right_provenance"),
]


@dataclass(frozen=True)
class Numbers:
    """Values (cells,) and their replicates (cells, resamples) in the cells' units; NaN where there are none.

    ``samples`` has what each cell counts, once per training seed; it is empty for printed numbers.
    """

    values: Array
    draws: Array
    samples: Sequence[Sequence[Sample]] = ()

    @property
    def seeds(self) -> int:
        """Trainings behind each number."""
        return len(self.samples[0]) if self.samples else 1


@dataclass(frozen=True)
class Finding:
    """What cells say about one claim: verdict and note, a line per comparison, and the cells that were compared.

    ``p`` is the level at which it is just decided, ``p_corrected`` the same among all claims; NaN where nothing is.
    """

    verdict: str
    note: str = ""
    p: float = math.nan
    p_corrected: float = math.nan
    comparisons: pd.DataFrame = field(default_factory=pd.DataFrame)
    cells: pd.DataFrame = field(default_factory=pd.DataFrame)


def measured(cells: pd.DataFrame, samples: Sequence[Sequence[Sample]], seed: int = 0) -> Numbers:
    """Our numbers: each cell's samples, one per training seed, and their bootstrap replicates, paired by image."""
    draws = np.full((len(cells), RESAMPLES), np.nan)
    for places in cells.reset_index(drop=True).groupby("dataset").groups.values():
        draws[places] = replicates([samples[i] for i in places], seed)
    values = np.array([np.mean([one.estimate() for one in seeds]) for seeds in samples])
    unit = np.where(cells["unit"] == PERCENT, 100, 1)
    return Numbers(values * unit, draws * unit[:, None], samples)


def printed_numbers(cells: pd.DataFrame, images: Sequence[int | None], seed: int = 0) -> Numbers:
    """The paper's numbers: shares of ``images`` each, drawn from Jeffreys' Beta distribution, as if not paired.

    Without images, and for what is no share, there are no replicates and so no interval.
    """
    values = cells["value"].to_numpy(dtype=float)
    known = [n is not None and unit == PERCENT for n, unit in zip(images, cells["unit"], strict=True)]
    n = np.array([n for n, kept in zip(images, known, strict=True) if kept], dtype=float)[:, None]
    right = values[known][:, None] / 100 * n
    draws = np.full((len(cells), RESAMPLES), np.nan)
    draws[known] = 100 * np.random.default_rng(seed).beta(right + 0.5, n - right + 0.5, size=(len(n), RESAMPLES))
    return Numbers(values, draws)


def printed_cells(printed: pd.DataFrame) -> pd.DataFrame:
    """The paper's cells (data/printed/) in the columns of ours, as far as they have them."""
    return printed.assign(exhibit="table" + printed["table"].astype(str), dataset="", scale="", provenance="")


def judge(
    claims: Claims, cells: pd.DataFrame, samples: Sequence[Sequence[Sample]], printed: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One line per claim (`CLAIM_COLUMNS`) and one per comparison (`COMPARISON_COLUMNS`).

    ``cells`` are the cells of all exhibits that ran, one below the other; ``samples`` has what each of them counts,
    once per training seed (`samples_of`); ``printed`` are the paper's cells.
    """
    ours = findings(claims, cells, measured(cells, samples)) if len(cells) else {}
    paper = printed_cells(printed)
    images = [claims.images(cell) for cell in identities(paper)]
    theirs = findings(claims, paper, printed_numbers(paper, images))
    nothing = {c.id: Finding(NOT_APPLICABLE if c.reason else NOT_RUN, c.reason) for c in claims.claims}
    lines = [_line(claim, (nothing | ours)[claim.id], theirs[claim.id]) for claim in claims.claims]
    seeds = len(samples[0]) if samples else 0
    frame = pd.DataFrame(lines).assign(seeds=seeds).reindex(columns=CLAIM_COLUMNS)
    every = [found.comparisons for found in ours.values() if len(found.comparisons)]
    pairs = pd.concat(every, ignore_index=True) if every else pd.DataFrame()
    return frame, pairs.reindex(columns=COMPARISON_COLUMNS)


def identities(cells: pd.DataFrame) -> list[dict[str, str]]:
    """`KEYS` and dataset of each cell as texts, as the printed tables write them; empty where not applicable."""
    frame = cells[[*KEYS, "dataset"]].astype(object)
    return [{str(k): text(v) for k, v in line.items()} for line in frame.where(frame.notna(), "").to_dict("records")]


def findings(claims: Claims, cells: pd.DataFrame, numbers: Numbers) -> dict[str, Finding]:
    """What the cells say about each claim, by its id. A cell that stands twice in an exhibit counts once.

    Verdicts are corrected for the number of claims that compare something.
    """
    everything = identities(cells)
    places = sorted({tuple(cell.values()): i for i, cell in reversed(list(enumerate(everything)))}.values())
    kept = [everything[i] for i in places]
    frame = cells.iloc[places]
    named = zip(kept, frame["row"], frame["column"], strict=True)
    material = _Material(
        cells=kept,
        frame=frame,
        names=[f"{cell['exhibit']} {cell['target']} [{row} | {column}]" for cell, row, column in named],
        reasons=[claims.reason(cell) for cell in kept],
        numbers=Numbers(
            numbers.values[places], numbers.draws[places], [numbers.samples[i] for i in places if numbers.samples]
        ),
    )
    return _corrected({claim.id: _finding(claim, material) for claim in claims.claims})


def _corrected(found: Mapping[str, Finding]) -> dict[str, Finding]:
    """Takes back what is decided by itself but not among all claims that compare something."""
    tested = [name for name, finding in found.items() if not math.isnan(finding.p)]
    levels = dict(zip(tested, corrected([found[name].p for name in tested]), strict=True))
    return {name: _weighed(finding, levels.get(name, math.nan), len(tested)) for name, finding in found.items()}


def _weighed(finding: Finding, level: float, claims: int) -> Finding:
    if finding.verdict not in (SUPPORTED, HOLDS_HERE, CONTRADICTED) or level <= LEVEL:
        return replace(finding, p_corrected=level)
    alone = f"{finding.verdict} if it were the only claim, but not among {claims}"
    note = "; ".join(filter(None, [finding.note, alone]))
    return replace(finding, verdict=INCONCLUSIVE, note=note, p_corrected=level)


@dataclass(frozen=True)
class _Material:
    """What all claims are judged on, one entry per cell: codes, lines, names, reasons to leave it out, numbers."""

    cells: Sequence[Identity]
    frame: pd.DataFrame
    names: Sequence[str]
    reasons: Sequence[str]
    numbers: Numbers


def _finding(claim: Claim, material: _Material) -> Finding:
    if claim.reason:
        return Finding(NOT_APPLICABLE, claim.reason)
    found = find(claim, material.cells)
    reasons = [next(filter(None, (material.reasons[i] for i in c.members)), "") for c in found]
    used = [c for c, reason in zip(found, reasons, strict=True) if not reason]
    if not used:
        return Finding(NOT_APPLICABLE, reasons[0]) if found else Finding(NOT_RUN)
    decided = _decide(claim, used, material.numbers).assign(claim=claim.id, **_labels(used, material))
    members = material.frame.iloc[sorted({i for c in used for i in c.members})]
    if decided["low"].isna().all():
        return Finding(NOT_APPLICABLE, "no interval can be formed", comparisons=decided, cells=members)
    missing = max(0, claim.printed.get("comparisons", 0) - len(found))
    note = f"{missing} further comparisons were not run" if missing else ""
    decisions, needed = list(decided["decision"]), _needed(claim, len(decided) + missing)
    p = level(list(decided["p"].where(decided["above"], 1)), list(decided["p"].where(~decided["above"], 1)), *needed)
    ruling = verdict(claim, decisions, missing, material.numbers.seeds)
    return Finding(ruling, note, p, comparisons=decided, cells=members)


def _needed(claim: Claim, total: int) -> tuple[int, int]:
    """How many comparisons must hold for support, and how many must fail to contradict the claim."""
    return math.ceil(claim.share * total - 1e-9), math.floor((1 - claim.share) * total + 1e-9) + 1


def level(holds: Sequence[float], fails: Sequence[float], support: int, contradict: int) -> float:
    """The level at which a claim is just decided, from the p-values of comparisons that hold, or fail, by their margin.

    The p-value of the last comparison that it takes: the ``support``-th smallest of ``holds`` or the
    ``contradict``-th smallest of ``fails``; 1 where there are not as many. NaN counts as 1.
    """
    sides = ((holds, support), (fails, contradict))
    levels = [sorted(1.0 if math.isnan(p) else p for p in ps)[k - 1] for ps, k in sides if k <= len(ps)]
    return min([1.0, *levels])


def verdict(claim: Claim, decisions: Sequence[str], missing: int, seeds: int) -> str:
    """A claim's verdict. Comparisons that were not run, or are undecided, could still go either way."""
    support, contradict = _needed(claim, len(decisions) + missing)
    if decisions.count(HOLDS) >= support:
        return SUPPORTED if seeds >= ENOUGH_SEEDS else HOLDS_HERE
    return CONTRADICTED if decisions.count(CONTRADICTED) >= contradict else INCONCLUSIVE


def advantage(comparison: Comparison, numbers: Array) -> Array:
    """Difference in the claimed direction: positive where the relation holds; minus the distance for ``~``.

    ``numbers`` is (cells, ...); the result has the other dimensions.
    """
    left, right = numbers[list(comparison.left)], numbers[list(comparison.right)]
    value = 0 if comparison.value is None else comparison.value
    ranked = len(left) > 1
    difference = _spearman(left, right) - value if ranked else left[0] - (right[0] if len(right) else value)
    if comparison.relation == "~":
        return -np.abs(difference)
    return -difference if comparison.relation.startswith("<") else np.asarray(difference)


def _spearman(left: Array, right: Array) -> Array:
    ranks = [rankdata(side, axis=0) for side in (left, right)]
    one, other = (r - r.mean(axis=0) for r in ranks)
    with np.errstate(invalid="ignore"):
        correlation: Array = (one * other).sum(axis=0) / np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))
    return np.where(np.isnan(left).any(axis=0) | np.isnan(right).any(axis=0), np.nan, correlation)


def _decide(claim: Claim, comparisons: Sequence[Comparison], numbers: Numbers) -> pd.DataFrame:
    """Advantage, joint interval, whether the relation holds for the numbers as they stand, and the decision."""
    relations = np.array([c.relation for c in comparisons])
    ahead = np.array([advantage(c, numbers.values) for c in comparisons], dtype=float)
    draws = np.stack([advantage(c, numbers.draws) for c in comparisons])
    low, high = joint_intervals(draws)
    similar = relations == "~"
    needed = np.where(similar, -claim.margin, claim.margin)
    hold = np.where(similar, ahead >= needed, np.where(np.char.endswith(relations, "="), ahead >= 0, ahead > 0))
    decision = np.where(low > needed, HOLDS, np.where(high < needed, CONTRADICTED, UNDECIDED))
    decided = pd.DataFrame({"relation": relations, "advantage": ahead, "low": low, "high": high})
    decided[["advantage", "low", "high"]] = decided[["advantage", "low", "high"]].map(digits)
    above, p = draws.mean(axis=1) > needed, joint_levels(draws, needed)
    return decided.assign(hold=hold, decision=decision, above=above, p=p).join(_mcnemar(comparisons, numbers))


def _mcnemar(comparisons: Sequence[Comparison], numbers: Numbers) -> pd.DataFrame:
    """Of two shares of one training: the images that count for both, and McNemar's p-value on them; else nothing."""
    lines: list[tuple[int | None, float | None]] = []
    for c in comparisons:
        pair = [numbers.samples[i] for i in c.members] if numbers.samples and len(c.members) == 2 else []
        shares = len(pair) == 2 and all(len(one) == 1 and one[0].share for one in pair)
        lines.append(same_images(pair[0][0], pair[1][0]) if shares else (None, None))
    return pd.DataFrame(lines, columns=["both", "mcnemar"]).astype({"both": "Int64"})


def _labels(comparisons: Sequence[Comparison], material: _Material) -> dict[str, list[str]]:
    """Names and provenance of both sides of each comparison; for ranks, the first cell's name and how many follow."""
    digests = material.frame["provenance"].tolist()
    sides: dict[str, list[str]] = {"left": [], "right": [], "left_provenance": [], "right_provenance": []}
    for c in comparisons:
        for side, places in (("left", c.left), ("right", c.right)):
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            sides[side].append(material.names[places[0]] + more if places else text(c.value))
            sides[f"{side}_provenance"].append(digests[places[0]] if len(places) == 1 else "")
    return sides


def _line(claim: Claim, ours: Finding, theirs: Finding) -> dict[str, Any]:
    compared = bool(claim.compare)
    return {
        "id": claim.id,
        "claim": claim.text,
        "section": claim.section,
        "stated": claim.stated,
        "share_needed": claim.share if compared else None,
        "margin": claim.margin if compared else None,
        **_counts(ours),
        "p": digits(ours.p),
        "p_corrected": digits(ours.p_corrected),
        "verdict": ours.verdict,
        "note": ours.note,
        **{f"printed_{key}": value for key, value in _counts(theirs).items() if not key.startswith("clear")},
        "printed_verdict": theirs.verdict,
        **_behind(ours.cells),
    }


def _counts(found: Finding) -> dict[str, int]:
    if found.comparisons.empty:
        return dict.fromkeys(("comparisons", "hold", "clear_hold", "clear_against"), 0)
    decisions = found.comparisons["decision"]
    return {
        "comparisons": len(decisions),
        "hold": int(found.comparisons["hold"].sum()),
        "clear_hold": int((decisions == HOLDS).sum()),
        "clear_against": int((decisions == CONTRADICTED).sum()),
    }


def _behind(cells: pd.DataFrame) -> dict[str, str]:
    """Which cells a claim was judged on."""
    if cells.empty:
        return dict.fromkeys(("cells", "dataset", "scale"), "")
    names = {name: ", ".join(dict.fromkeys(cells[name])) for name in ("exhibit", "dataset", "scale")}
    return {"cells": f"{names['exhibit']}: {len(cells)} cells", "dataset": names["dataset"], "scale": names["scale"]}
