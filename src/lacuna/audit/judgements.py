"""The claims of each paper as the report shows them: verdict, and the comparisons and cells behind it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lacuna.audit.files import Files, behind_claims, not_copied, not_rendered, plain, worst
from lacuna.claims.relations import load_claims
from lacuna.claims.verdicts import CLAIM_COLUMNS, COMPARISON_COLUMNS, NOT_APPLICABLE, NOT_RUN
from lacuna.files.artefacts import CSV_OPTIONS, read_frame
from lacuna.plan.plan import Plan
from lacuna.reporting.tables.claim_page import markdown

COUNTS = ("comparisons", "hold", "clear_hold", "clear_against")


def claims(plan: Plan, paper: str, files: Files, cells: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A paper's claims; without verdicts where they were not judged. Links the cells of the report with them."""
    title = plan.config.papers[paper]["title"]
    entry = {"paper": paper, "title": title, "target": f"tables/{paper}-claims.csv", "state": "not built"}
    path, _, comparisons = plan.published.claims(paper)
    if not files.here(path) or files.state(path) in ("tampered", "missing"):
        problems = files.problems([path]) if files.here(path) else []
        state = worst(problems) if problems else "not built"
        return entry | {"state": state, "problems": problems, "files": [], "claims": _open(paper)}
    behind = [artefact.path for artefact in behind_claims(plan, paper)]
    frame, pairs = read_frame(path), _pairs(comparisons)
    made = [_claim(line, pairs) for line in frame.reindex(columns=CLAIM_COLUMNS).to_dict("records")]
    _link(made, cells)
    problems = [*files.problems(behind), *_changed(comparisons, made), *_rendered(plan, paper, frame)]
    return entry | {"state": worst(problems), "problems": problems, "files": behind, "claims": made}


def _open(paper: str) -> list[dict[str, Any]]:
    """Claims on which there is no verdict."""
    nothing: dict[str, Any] = dict.fromkeys(CLAIM_COLUMNS) | dict.fromkeys(COUNTS, 0) | {"pairs": []}
    return [
        nothing
        | {"id": claim.id, "claim": claim.text, "section": claim.section, "stated": claim.stated}
        | {"verdict": NOT_APPLICABLE if claim.reason else NOT_RUN, "note": claim.reason}
        for claim in load_claims(Path.cwd(), paper).claims
    ]


def _pairs(path: str) -> pd.DataFrame:
    """The comparisons; none where the file is not there or not readable, which the counts then show."""
    try:
        return pd.read_csv(path, **CSV_OPTIONS).reindex(columns=COMPARISON_COLUMNS)
    except (OSError, ValueError):
        return pd.DataFrame(columns=COMPARISON_COLUMNS)


def _claim(line: Mapping[Any, Any], pairs: pd.DataFrame) -> dict[str, Any]:
    mine = pairs[pairs["claim"] == line["id"]].drop(columns="claim").to_dict("records")
    return {**plain(dict(line)), "pairs": [plain(pair) | {"cells": [None, None]} for pair in mine]}


def _link(made: Sequence[Mapping[str, Any]], cells: Iterable[Mapping[str, Any]]) -> None:
    """Puts the cells' ids into the comparisons, and the claims' ids into the cells; both are known by the same name."""
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


def _changed(path: str, made: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The comparisons have no record; their counts must be those that the verdicts were reached with."""
    wrong = [claim["id"] for claim in made if _counted(claim["pairs"]) != tuple(claim[key] for key in COUNTS)]
    if not wrong:
        return []
    why = f"{path} does not have the comparisons behind the verdicts on {', '.join(wrong[:3])}"
    return [{"path": path, "state": "tampered", "why": why}]


def _counted(pairs: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    decisions = [pair["decision"] for pair in pairs]
    held = sum(bool(pair["hold"]) for pair in pairs)
    return len(pairs), held, decisions.count("holds"), decisions.count("contradicted")


def _rendered(plan: Plan, paper: str, frame: pd.DataFrame) -> list[dict[str, str]]:
    files = dict(zip((".csv", ".md", ".comparisons.csv"), plan.published.claims(paper), strict=False))
    copies = {f"tables/{paper}-claims{ending}": file for ending, file in files.items()}
    here = Path(f"tables/{paper}-claims.md")
    published = here.is_file() and f"Scale **{plan.config.scale}**" in here.read_text(encoding="utf-8")
    problems = not_rendered({files[".md"]: markdown(frame, plan.config.papers[paper]["title"])})
    return problems + (not_copied(copies) if published else [])
