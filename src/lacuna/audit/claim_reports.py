"""Reports the claims of a paper: verdicts, and the comparisons and cells behind them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lacuna.audit.files import FileFindings, claims_artefacts, json_value, rendering_problems
from lacuna.audit.problems import Problem, judged, problem, worst_state
from lacuna.audit.published import PublishedFindings
from lacuna.claims.relations import load_claims
from lacuna.claims.verdicts import CLAIM_COLUMNS, COMPARISON_COLUMNS, NOT_APPLICABLE, NOT_RUN
from lacuna.files.artefacts import read_csv, read_frame
from lacuna.plan.plan import Plan
from lacuna.reporting.tables.claim_page import claims_markdown

COUNTS = ("comparisons", "hold", "clear_hold", "clear_against")


def report_claims(
    plan: Plan, paper: str, files: FileFindings, published: PublishedFindings, cells: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """A paper's claims; without verdicts where they were not judged. Links the claims with ``cells`` of the report."""
    title, problems = plan.config.papers[paper]["title"], published.problems(plan.published.note("claims", paper))
    path = plan.published.claims(paper)[0]
    entry = {
        "paper": paper,
        "title": title,
        "target": f"tables/{paper}-claims.csv",
        "files": [],
        "claims": _open(paper, plan.config.sources[paper].claims),
    }
    unread = not files.here(path) or files.state(path) in ("tampered", "replaced", "missing")
    problems = [*problems, *(files.problems([path]) if unread and files.here(path) else [])]
    entry |= {"state": worst_state(problems) if problems else "not built", "problems": problems}
    return entry if unread else judged(entry, path, lambda: _judged(plan, entry, files, cells))


def _judged(
    plan: Plan, entry: dict[str, Any], files: FileFindings, cells: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The entry of a paper with its verdicts, and the problems of all that is behind them."""
    path, markdown, comparisons = plan.published.claims(entry["paper"])
    artefacts = claims_artefacts(plan, entry["paper"])
    behind = [artefact.path for artefact in artefacts if _has_record(artefact.path, path, files)]
    frame, pairs = read_frame(path), _pairs(comparisons)
    made = [_claim(line, pairs) for line in frame.reindex(columns=CLAIM_COLUMNS).to_dict("records")]
    page = rendering_problems({markdown: claims_markdown(frame, entry["title"])})
    problems = [*entry["problems"], *files.problems(behind), *_changed(comparisons, made), *page]
    _link(made, cells)
    return entry | {"state": worst_state(problems), "problems": problems, "files": behind, "claims": made}


def _has_record(path: str, verdicts: str, files: FileFindings) -> bool:
    """Whether a file must have a record: the comparisons have none where the verdicts are of the older format."""
    return not files.older(verdicts) or files.findings[path].artefact.output != "comparisons" or files.recorded(path)


def _open(paper: str, file: str) -> list[dict[str, Any]]:
    """The claims of a paper that were not judged."""
    nothing: dict[str, Any] = dict.fromkeys(CLAIM_COLUMNS) | dict.fromkeys(COUNTS, 0) | {"pairs": []}
    return [
        nothing
        | {"id": claim.id, "claim": claim.text, "section": claim.section, "stated": claim.stated}
        | {"verdict": NOT_APPLICABLE if claim.reason else NOT_RUN, "note": claim.reason}
        for claim in load_claims(Path.cwd(), paper, file).claims
    ]


def _pairs(path: str) -> pd.DataFrame:
    """The comparisons; none where the file is missing or not readable, which the counts then show."""
    try:
        if not Path(path).is_file():  # a pipe would be waited for
            raise FileNotFoundError(path)
        return read_csv(path).reindex(columns=COMPARISON_COLUMNS)
    except (OSError, ValueError):
        return pd.DataFrame(columns=COMPARISON_COLUMNS)


def _claim(line: Mapping[Any, Any], pairs: pd.DataFrame) -> dict[str, Any]:
    mine = pairs[pairs["claim"] == line["id"]].drop(columns="claim").to_dict("records")
    return {**json_value(dict(line)), "pairs": [json_value(pair) | {"cells": [None, None]} for pair in mine]}


def _link(made: Sequence[Mapping[str, Any]], cells: Iterable[Mapping[str, Any]]) -> None:
    """Puts the ids of cells into comparisons, and the ids of claims into cells, by the names that both have."""
    named = {
        f"{c['id'].rpartition('-')[0]} {c['target'] or ''} [{c['row']} | {c['column']}]": c for c in reversed([*cells])
    }
    for claim in made:
        for pair in claim["pairs"]:
            for i, side in enumerate(("left", "right")):
                cell = named.get(re.sub(r" and \d+ more$", "", str(pair[side])))
                if cell is not None:
                    pair["cells"][i] = cell["id"]
                    if claim["id"] not in cell["claims"]:
                        cell["claims"].append(claim["id"])


def _changed(path: str, made: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """Problems of the file of comparisons, whose counts must be those in the verdicts, whatever its record says."""
    wrong = [claim["id"] for claim in made if _counted(claim["pairs"]) != tuple(claim[key] for key in COUNTS)]
    if not wrong:
        return []
    why = f"{path} does not have the comparisons behind the verdicts on {', '.join(wrong[:3])}"
    return [problem("tampered", path, why)]


def _counted(pairs: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    decisions = [pair["decision"] for pair in pairs]
    held = sum(bool(pair["hold"]) for pair in pairs)
    return len(pairs), held, decisions.count("holds"), decisions.count("contradicted")
