"""Gathers the whole report as plain data, the content of audit.json (workflow/schemas/audit.schema.yaml)."""

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lacuna.audit.baseline import compare_runs
from lacuna.audit.borrowing import lend
from lacuna.audit.claim_reports import report_claims
from lacuna.audit.exhibit_reports import report_figure, report_table
from lacuna.audit.files import FileFindings
from lacuna.audit.problems import STATES
from lacuna.audit.published import PublishedFindings, find_published
from lacuna.claims.decisions import CONTRADICTED
from lacuna.claims.verdicts import HOLDS_HERE, INCONCLUSIVE, NOT_APPLICABLE, NOT_RUN, SUPPORTED
from lacuna.files.artefacts import Record
from lacuna.files.records import OLDER
from lacuna.plan.plan import Plan

FORMAT = 2  # of audit.json; another number where a reader of the old one would misread it
VERDICTS = (SUPPORTED, HOLDS_HERE, INCONCLUSIVE, CONTRADICTED, NOT_APPLICABLE, NOT_RUN)
EXHIBIT_STATES = ("built", *STATES, "not built")


def gather(plan: Plan, baseline: str = "") -> dict[str, Any]:
    """All that exists for the plan's scale, from the working directory; nothing is built.

    ``baseline`` is another run to compare with (`lacuna.audit.baseline.compare_runs`).
    """
    files, published = FileFindings(plan), find_published(plan)
    exhibits = [report_table(plan, name, files, published) for name in plan.lookup.tables] + [
        report_figure(plan, name, files, published) for name in plan.lookup.figures
    ]
    lend(exhibits, plan.config.scale)
    cells = [cell for exhibit in exhibits for cell in exhibit["cells"]]
    papers = [report_claims(plan, paper, files, published, cells) for paper in plan.lookup.claimed]
    behind = dict.fromkeys(path for part in (*exhibits, *papers) for path in part["files"])
    others = {"id": "published files", "problems": published.others(plan.published.copies())}
    problems = _problems([*exhibits, *papers, others])
    shown = [plan.published.table(exhibit["id"])[-1] for exhibit in exhibits if exhibit["cells"]]
    described = [files.describe(path) for path in behind]
    return {
        "format": FORMAT,
        "scale": plan.config.scale,
        "seed": plan.config.seed,
        "made": made_now(),
        "summary": summarise(exhibits, papers, described, problems) | _published(published, plan.config.scale),
        "problems": problems,
        "exhibits": exhibits,
        "papers": papers,
        "published": published.scales,
        "files": described,
        "baseline": compare_runs(shown, baseline, plan.config.scale, _seeds(plan)) if baseline else None,
    }


def _seeds(plan: Plan) -> range:
    """The seeds of the trainings."""
    return range(plan.config.seed, plan.config.seed + plan.config.seeds)


def made_now() -> dict[str, Any]:
    now = Record("audit", "{}")
    time = datetime.datetime.fromtimestamp(now.started, datetime.UTC).isoformat(timespec="seconds")
    return {"time": time, "version": now.versions["lacuna"], **{key: now.volatile[key] for key in ("commit", "dirty")}}


def _problems(parts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each problem once, with the exhibits or papers that it concerns; the worst problem first."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for part in parts:
        for problem in part["problems"]:
            one = found.setdefault(tuple(problem.values()), {**problem, "behind": []})
            one["behind"].append(part["id"] if "id" in part else f"claims of {part['paper']}")
    return sorted(found.values(), key=lambda problem: STATES.index(problem["state"]))


def summarise(
    exhibits: Sequence[Mapping[str, Any]],
    papers: Sequence[Mapping[str, Any]],
    files: Sequence[Mapping[str, Any]],
    problems: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """How many exhibits, files, verdicts and problems there are of each kind."""
    verdicts = Counter(claim["verdict"] for paper in papers for claim in paper["claims"])
    counts = {state: len({p["path"] for p in problems if p["state"] == state}) for state in STATES}
    return {
        "exhibits": {state: sum(e["state"] == state for e in exhibits) for state in EXHIBIT_STATES},
        "cells": sum(len(exhibit["cells"]) for exhibit in exhibits),
        "files": sum(file["state"] != "missing" for file in files),
        "bytes": sum(file["size"] for file in files),
        "claims": {verdict: verdicts[verdict] for verdict in VERDICTS},
        "held": sum(file["held"] for file in files),
        "older": sum(file["format"] == OLDER for file in files),
        **counts,
        "contradicted": verdicts[CONTRADICTED],
        "well": not any(counts.values()) and not verdicts[CONTRADICTED],
    }


def _published(published: PublishedFindings, scale: str) -> dict[str, int]:
    others = sum(of != scale for of in published.scales.values())
    return {"published": len(published.scales), "published_elsewhere": others}


def summary_line(report: Mapping[str, Any]) -> str:
    """The report in one line."""
    summary = report["summary"]
    exhibits = summary["exhibits"]
    built = sum(exhibits.values()) - exhibits["not built"]
    counts = ", ".join(f"{summary[state]} {state}" for state in STATES)
    noted = [f"{summary['held']} held by git", f"{summary['older']} with a record of the older format"]
    shown = f"{summary['published']} published files, {summary['published_elsewhere']} of them of other scales"
    against = report["baseline"] and f"; against {report['baseline']['path']}{_kind(report['baseline'])}: " + ", ".join(
        f"{count} {state}" for state, count in report["baseline"]["states"].items() if count
    )
    return (
        f"audit of scale {report['scale']}: {built} of {sum(exhibits.values())} exhibits built, "
        f"{summary['cells']} cells, {summary['files']} files ({', '.join(noted)}), {shown}; {counts}; "
        f"{claims_line(summary)}{against or ''}"
    )


def _kind(baseline: Mapping[str, Any]) -> str:
    """In what a crate differs from another run."""
    named = {"rerun": " (a rerun: it shares a training seed)", "independent": " (an independent run)"}
    return named.get(baseline.get("kind", ""), "")  # reports of before have none


def claims_line(summary: Mapping[str, Any]) -> str:
    """How many of the judged claims are contradicted; where none was judged, that none was."""
    stated = sum(summary["claims"].values())
    judged = stated - sum(summary["claims"][verdict] for verdict in (NOT_APPLICABLE, NOT_RUN))
    if not judged:
        return f"none of {stated} claims judged" if stated else "no claims stated"
    return f"{summary['contradicted']} of {judged} judged claims contradicted, {stated} stated"
