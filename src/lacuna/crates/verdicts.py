"""The claims that a crate has something to say about, with their verdicts where they have been judged."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lacuna.claims.relations import Claim, load_claims, selectors_of, texts_of
from lacuna.claims.verdicts import NOT_APPLICABLE, NOT_RUN
from lacuna.errors import LacunaError
from lacuna.files.artefacts import read_frame, read_record, sha256
from lacuna.plan.crates import Parts
from lacuna.plan.plan import Plan

COLUMNS = ("id", "claim", "section", "stated", "comparisons", "hold", "verdict", "note", "printed_verdict")
UNJUDGED = "Not judged with these cells."


def claims_about(plan: Plan, parts: Parts) -> list[dict[str, Any]]:
    """One line per claim, with `COLUMNS`: of a whole paper all claims, of exhibits those that compare their cells.

    Verdicts of an earlier state of the cells are no verdicts on these.
    """
    if parts.paper not in plan.lookup.claimed:
        return []
    stated = load_claims(Path(), parts.paper, plan.config.sources[parts.paper].claims).claims
    whole = bool(parts.claimed)
    wanted = [one for one in stated if whole or _exhibits(one) & {*parts.tables}]
    judged = _judged(plan, parts)
    return [_line(one, judged.get(one.id)) for one in wanted]


def _exhibits(claim: Claim) -> set[str]:
    return {
        name for block in claim.compare for part in selectors_of(block) for name in texts_of(part.get("exhibit", []))
    }


def _judged(plan: Plan, parts: Parts) -> dict[str, Mapping[str, Any]]:
    """The verdicts on the paper's claims by id, where they were made from the very cells that are here."""
    path = plan.published.claims(parts.paper)[0]
    if not Path(path).is_file():
        return {}
    try:
        frame, made_from = read_frame(path), read_record(path).stable["inputs"]
    except LacunaError:
        return {}
    cells = [plan.published.table(name)[-1] for name in parts.tables]
    if any(made_from.get(name) != sha256(name) for name in cells if Path(name).is_file()):
        return {}
    return {str(line["id"]): {str(k): v for k, v in line.items()} for line in frame.to_dict("records")}


def _line(claim: Claim, judged: Mapping[str, Any] | None) -> dict[str, Any]:
    if judged is not None:
        return {name: "" if pd.isna(judged[name]) else judged[name] for name in COLUMNS}
    known = {"id": claim.id, "claim": claim.text, "section": claim.section, "stated": claim.stated}
    verdict = {"verdict": NOT_APPLICABLE if claim.reason else NOT_RUN, "note": claim.reason or UNJUDGED}
    return {**known, "comparisons": 0, "hold": 0, **verdict, "printed_verdict": ""}


def tally(claims: list[dict[str, Any]]) -> dict[str, int]:
    """How many claims have each verdict."""
    return {verdict: sum(one["verdict"] == verdict for one in claims) for verdict in _verdicts(claims)}


def _verdicts(claims: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(re.sub(r"\s+", " ", str(one["verdict"])) for one in claims))
