"""Verdicts on a paper's claims: how many of a claim's comparisons between cells hold clearly.

docs/claims.md states the rules in words. `lacuna.claims.relations` reads the claims and finds the comparisons;
`lacuna.claims.decisions` decides them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import pandas as pd

from lacuna.claims.decisions import CONTRADICTED, HOLDS, Numbers, decide_comparisons, our_numbers, printed_numbers
from lacuna.claims.relations import (
    KEYS,
    Claim,
    Comparison,
    Identity,
    Names,
    PaperClaims,
    find_comparisons,
    key_text,
)
from lacuna.numbers.metrics import round_digits
from lacuna.numbers.statistics import LEVEL, Sample, corrected

ENOUGH_SEEDS = 3
# Verdicts, beside CONTRADICTED, which a comparison and a claim can be.
SUPPORTED, HOLDS_HERE, INCONCLUSIVE = "supported", "holds for these networks", "inconclusive"
NOT_APPLICABLE, NOT_RUN = "not applicable", "not run"
CLAIM_COLUMNS = [
    *("id", "claim", "section", "stated", "comparisons", "hold", "clear_hold", "clear_against"),
    *("share_needed", "margin", "p", "p_corrected", "verdict", "note"),
    *("printed_comparisons", "printed_hold", "printed_verdict"),
    *("cells", "dataset", "scale", "seeds"),
]
COMPARISON_COLUMNS = [
    *("claim", "left", "relation", "right", "advantage", "low", "high", "hold", "decision"),
    *("p", "both", "mcnemar"),
    *("left_provenance", "right_provenance"),
]


@dataclass(frozen=True)
class Judgement:
    """What cells say about one claim: verdict and note, a line per comparison, and the cells that were compared.

    ``p`` is the level at which the claim is just decided, ``p_corrected`` the same among all claims. Both are NaN where
    nothing is compared.
    """

    verdict: str
    note: str = ""
    p: float = math.nan
    p_corrected: float = math.nan
    comparisons: pd.DataFrame = field(default_factory=pd.DataFrame)
    cells: pd.DataFrame = field(default_factory=pd.DataFrame)


def printed_cells(printed: pd.DataFrame, exhibits: Mapping[int, str] = MappingProxyType({})) -> pd.DataFrame:
    """The paper's cells (data/printed/) in the columns of ours, as far as the paper's have them.

    ``exhibits`` are the names of our tables by the number of the printed one; ``table<number>`` where it names none.
    """
    names = [exhibits.get(number, f"table{number}") for number in printed["table"]]
    return printed.assign(exhibit=pd.Series(names, index=printed.index, dtype=str), dataset="", scale="", provenance="")


def printed_names(names: Names, cells: pd.DataFrame, printed: pd.DataFrame) -> dict[str, dict[str, list[str]]]:
    """What is printed in place of the codes that ``names`` stand for: the codes beside those of our ``cells``.

    Both frames have the exhibits' names; a printed cell stands beside ours of the same exhibit, row and column.
    """
    place = ["exhibit", "row", "column"]
    if cells.empty or printed.empty:
        return {key: {name: [code] for name, code in codes.items()} for key, codes in names.items()}
    both = cells.merge(printed, on=place, suffixes=("", "_printed"))
    found: dict[str, dict[str, list[str]]] = {}
    for key, codes in names.items():
        beside = both[[key, f"{key}_printed"]].drop_duplicates().groupby(key)[f"{key}_printed"].agg(list)
        found[key] = {name: [key_text(one) for one in beside.get(code, [code])] for name, code in codes.items()}
    return found


def judge(
    claims: PaperClaims,
    cells: pd.DataFrame,
    samples: Sequence[Sequence[Sample]],
    printed: pd.DataFrame,
    exhibits: Mapping[int, str] = MappingProxyType({}),
    names: Names = MappingProxyType({}),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One line per claim (`CLAIM_COLUMNS`) and one line per comparison (`COMPARISON_COLUMNS`).

    ``cells`` are the cells of all exhibits that ran, one below the other. ``samples`` has what each of them counts,
    once per training seed (`samples_of`). ``printed`` are the paper's cells, ``exhibits`` the names of its tables
    (`printed_cells`), and ``names`` what the claims may write in place of codes of our cells.
    """
    ours = judgements(claims.named(names), cells, our_numbers(cells, samples)) if len(cells) else {}
    paper = printed_cells(printed, exhibits)
    claims = claims.named(printed_names(names, cells, paper))
    images = [claims.images(cell) for cell in identities(paper)]
    theirs = judgements(claims, paper, printed_numbers(paper, images))
    nothing = {c.id: Judgement(NOT_APPLICABLE if c.reason else NOT_RUN, c.reason) for c in claims.claims}
    lines = [_line(claim, (nothing | ours)[claim.id], theirs[claim.id]) for claim in claims.claims]
    seeds = len(samples[0]) if samples else 0
    frame = pd.DataFrame(lines).assign(seeds=seeds).reindex(columns=CLAIM_COLUMNS)
    every = [judgement.comparisons for judgement in ours.values() if len(judgement.comparisons)]
    pairs = pd.concat(every, ignore_index=True) if every else pd.DataFrame()
    return frame, pairs.reindex(columns=COMPARISON_COLUMNS)


def identities(cells: pd.DataFrame) -> list[dict[str, str]]:
    """`KEYS` and dataset of each cell as texts, as the printed tables write them; empty where not applicable."""
    frame = cells[[*KEYS, "dataset"]].astype(object)
    lines = frame.where(frame.notna(), "").to_dict("records")
    return [{str(key): key_text(value) for key, value in line.items()} for line in lines]


def judgements(claims: PaperClaims, cells: pd.DataFrame, numbers: Numbers) -> dict[str, Judgement]:
    """What the cells say about each claim, by its id. A cell that stands twice in an exhibit counts once.

    Verdicts are corrected for the number of claims that compare something.
    """
    material = _material(claims, cells, numbers)
    return _corrected({claim.id: _judgement(claim, material) for claim in claims.claims})


def _corrected(found: Mapping[str, Judgement]) -> dict[str, Judgement]:
    """Takes back verdicts that are decided alone, but not among all claims that compare something."""
    tested = [name for name, judgement in found.items() if not math.isnan(judgement.p)]
    levels = dict(zip(tested, corrected([found[name].p for name in tested]), strict=True))
    return {name: _with_level(one, levels.get(name, math.nan), len(tested)) for name, one in found.items()}


def _with_level(judgement: Judgement, level: float, claims: int) -> Judgement:
    """The judgement with its level among all ``claims``: inconclusive, and a note, where the level is too high."""
    if judgement.verdict not in (SUPPORTED, HOLDS_HERE, CONTRADICTED) or level <= LEVEL:
        return replace(judgement, p_corrected=level)
    alone = f"{judgement.verdict} if it were the only claim, but not among {claims}"
    note = "; ".join(filter(None, [judgement.note, alone]))
    return replace(judgement, verdict=INCONCLUSIVE, note=note, p_corrected=level)


@dataclass(frozen=True)
class _Material:
    """What all claims are judged on, one entry per cell: codes, lines, names, reasons to leave it out, numbers."""

    cells: Sequence[Identity]
    frame: pd.DataFrame
    names: Sequence[str]
    reasons: Sequence[str]
    numbers: Numbers


def _material(claims: PaperClaims, cells: pd.DataFrame, numbers: Numbers) -> _Material:
    """The material of these cells, each of which counts once."""
    everything = identities(cells)
    places = sorted({tuple(cell.values()): i for i, cell in reversed(list(enumerate(everything)))}.values())
    kept, frame = [everything[i] for i in places], cells.iloc[places]
    named = zip(kept, frame["row"], frame["column"], strict=True)
    return _Material(
        cells=kept,
        frame=frame,
        names=[f"{cell['exhibit']} {cell['target']} [{row} | {column}]" for cell, row, column in named],
        reasons=[claims.reason(cell) for cell in kept],
        numbers=numbers.at(list(places)),
    )


def _judgement(claim: Claim, material: _Material) -> Judgement:
    """What the material says about one claim, before the correction for the number of claims."""
    if claim.reason:
        return Judgement(NOT_APPLICABLE, claim.reason)
    found = find_comparisons(claim, material.cells)
    reasons = [next(filter(None, (material.reasons[i] for i in c.members)), "") for c in found]
    used = [c for c, reason in zip(found, reasons, strict=True) if not reason]
    if not used:
        return Judgement(NOT_APPLICABLE, reasons[0]) if found else Judgement(NOT_RUN)
    decided = decide_comparisons(claim, used, material.numbers).assign(claim=claim.id, **_labels(used, material))
    members = material.frame.iloc[sorted({i for c in used for i in c.members})]
    if decided["low"].isna().all():
        return Judgement(NOT_APPLICABLE, "no interval can be formed", comparisons=decided, cells=members)
    missing = max(0, claim.printed.get("comparisons", 0) - len(found))
    note = f"{missing} further comparisons were not run" if missing else ""
    verdict = decide_verdict(claim, list(decided["decision"]), missing, material.numbers.seeds)
    return Judgement(verdict, note, _claim_level(claim, decided, missing), comparisons=decided, cells=members)


def _claim_level(claim: Claim, decided: pd.DataFrame, missing: int) -> float:
    """The level at which a claim is just decided. A comparison counts on the side of the margin where it lies."""
    holds = decided["p"].where(decided["above"], 1)
    fails = decided["p"].where(~decided["above"], 1)
    return deciding_level(list(holds), list(fails), *_needed(claim, len(decided) + missing))


def _needed(claim: Claim, total: int) -> tuple[int, int]:
    """How many comparisons must hold for support, and how many must fail to contradict the claim."""
    return math.ceil(claim.share * total - 1e-9), math.floor((1 - claim.share) * total + 1e-9) + 1


def deciding_level(holds: Sequence[float], fails: Sequence[float], support: int, contradict: int) -> float:
    """The level at which a claim is just decided, from the p-values of comparisons that hold, or fail, by their margin.

    It is the p-value of the last comparison that the claim takes: the ``support``-th smallest of ``holds`` or the
    ``contradict``-th smallest of ``fails``, whichever is smaller. It is 1 where there are not as many. NaN counts as 1.
    """
    sides = ((holds, support), (fails, contradict))
    levels = [sorted(1.0 if math.isnan(p) else p for p in ps)[k - 1] for ps, k in sides if k <= len(ps)]
    return min([1.0, *levels])


def decide_verdict(claim: Claim, decisions: Sequence[str], missing: int, seeds: int) -> str:
    """A claim's verdict. Comparisons that are undecided, or ``missing`` because not run, could go either way."""
    support, contradict = _needed(claim, len(decisions) + missing)
    if decisions.count(HOLDS) >= support:
        return SUPPORTED if seeds >= ENOUGH_SEEDS else HOLDS_HERE
    return CONTRADICTED if decisions.count(CONTRADICTED) >= contradict else INCONCLUSIVE


def _labels(comparisons: Sequence[Comparison], material: _Material) -> dict[str, list[str]]:
    """Names and provenance of both sides of each comparison; for ranks, the first cell's name and how many follow."""
    digests = material.frame["provenance"].tolist()
    sides: dict[str, list[str]] = {"left": [], "right": [], "left_provenance": [], "right_provenance": []}
    for c in comparisons:
        for side, places in (("left", c.left), ("right", c.right)):
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            sides[side].append(material.names[places[0]] + more if places else key_text(c.value))
            sides[f"{side}_provenance"].append(digests[places[0]] if len(places) == 1 else "")
    return sides


def _line(claim: Claim, ours: Judgement, theirs: Judgement) -> dict[str, Any]:
    """The line of a claim, from what our cells and the paper's say about it."""
    compared = bool(claim.compare)
    return {
        "id": claim.id,
        "claim": claim.text,
        "section": claim.section,
        "stated": claim.stated,
        "share_needed": claim.share if compared else None,
        "margin": claim.margin if compared else None,
        **_counts(ours),
        "p": round_digits(ours.p),
        "p_corrected": round_digits(ours.p_corrected),
        "verdict": ours.verdict,
        "note": ours.note,
        **{f"printed_{key}": value for key, value in _counts(theirs).items() if not key.startswith("clear")},
        "printed_verdict": theirs.verdict,
        **_setting_of(ours.cells),
    }


def _counts(judgement: Judgement) -> dict[str, int]:
    """How many comparisons there are, how many hold, and how many are decided for and against the claim."""
    if judgement.comparisons.empty:
        return dict.fromkeys(("comparisons", "hold", "clear_hold", "clear_against"), 0)
    decisions = judgement.comparisons["decision"]
    return {
        "comparisons": len(decisions),
        "hold": int(judgement.comparisons["hold"].sum()),
        "clear_hold": int((decisions == HOLDS).sum()),
        "clear_against": int((decisions == CONTRADICTED).sum()),
    }


def _setting_of(cells: pd.DataFrame) -> dict[str, str]:
    """The exhibits, datasets and scales of the cells that a claim was judged on."""
    if cells.empty:
        return dict.fromkeys(("cells", "dataset", "scale"), "")
    names = {name: ", ".join(dict.fromkeys(cells[name])) for name in ("exhibit", "dataset", "scale")}
    return {"cells": f"{names['exhibit']}: {len(cells)} cells", "dataset": names["dataset"], "scale": names["scale"]}
