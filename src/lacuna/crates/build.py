"""Builds a crate from what lies below results/: its members by name, the description last."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from snakemake import __version__ as snakemake_version

from lacuna.crates.behind import Behind, split_figures
from lacuna.crates.certificate import certificate
from lacuna.crates.graph import describe
from lacuna.crates.members import Members, checker, exhibits, numbers, workflow
from lacuna.crates.places import place_of, remote_address
from lacuna.crates.verdicts import COLUMNS, claims_about
from lacuna.files.artefacts import Record
from lacuna.files.escapes import csv_text
from lacuna.plan.crates import Parts
from lacuna.plan.plan import Plan
from lacuna.versioning.anchors import read_anchors

FORMAT = 1  # of crate.json, and of where things lie in a crate; another number where a reader would misread it
ABOUT, METADATA, PAGE = "crate.json", "ro-crate-metadata.json", "certificate.html"
NO_DATE = "1980-01-01"  # of a checkout without git


def build(plan: Plan, name: str) -> Members:
    """The members of a crate. Raises `LacunaError` for files that are not as they were made, or do not go together."""
    parts = plan.crates.parts[name]
    behind = Behind(plan, parts)
    behind.refuse_others()
    shown, left_out = split_figures(plan, parts.figures)
    claims = claims_about(plan, parts)
    about = facts(plan, name, parts) | {"left_out": left_out}
    members = exhibits(plan, parts.tables, shown, parts.claimed) | numbers(behind) | workflow(behind) | checker()
    members[ABOUT] = (json.dumps(about, indent=1, sort_keys=True) + "\n").encode()
    if claims and not parts.claimed:
        members[f"claims/{name}.csv"] = csv_text(pd.DataFrame(claims, columns=list(COLUMNS))).encode()
    if parts.whole:
        members[PAGE] = certificate(plan, parts, about, claims, shown).encode()
    return {METADATA: describe(behind, members, _described(plan, about, claims)), **members}


def facts(plan: Plan, name: str, parts: Parts) -> dict[str, Any]:
    """What crate.json says: which run this is of, so that two crates can be compared."""
    now = Record("crate", "{}").volatile
    return {
        "format": FORMAT,
        "name": name,
        "paper": parts.paper,
        "title": plan.config.papers[parts.paper]["title"],
        "scale": plan.config.scale,
        "seed": plan.config.seed,
        "seeds": plan.config.seeds,
        "commit": now["commit"],
        "dirty": now["dirty"],
        "tables": list(parts.tables),
        "figures": list(parts.figures),
    }


def _described(plan: Plan, about: dict[str, Any], claims: list[dict[str, Any]]) -> dict[str, Any]:
    anchors, remote = read_anchors(f"results/{plan.config.scale}"), remote_address()
    seeds = f"{about['seeds']} training seed{'s' * (about['seeds'] != 1)} from {about['seed']} on"
    what = f"{about['name']} of {about['title']}, rebuilt at scale {about['scale']} with {seeds}."
    sentences = [what, "check.py verifies every digest and counts every cell again.", *about["left_out"]]
    return {
        "name": f"{about['name']}, scale {about['scale']}",
        "target": plan.crates.path(about["name"]),
        "description": " ".join(sentences),
        "date": _date(),
        "version": snakemake_version,
        "commit": about["commit"],
        "paper": paper_entity(about["title"]),
        "claims": claims,
        "large": lambda path: place_of(path, anchors, remote),
    }


def _date() -> str:
    """When the commit was made, not the crate: what is built twice is the same."""
    try:
        done = subprocess.run(["git", "log", "-1", "--format=%cI"], capture_output=True, text=True, check=True)
        return done.stdout.strip() or NO_DATE
    except (OSError, subprocess.CalledProcessError):
        return NO_DATE


def paper_entity(title: str) -> dict[str, Any]:
    """The paper as CITATION.cff has it; a name alone for one that it does not have."""
    file = Path("CITATION.cff")
    known = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for one in known.get("references", []):
        if one["title"] == title:
            authors = [f"{a.get('given-names', '')} {a.get('family-names', '')}".strip() for a in one["authors"]]
            return {"@id": one["url"], "@type": "ScholarlyArticle", "name": title, "creator": authors}
    return {"@id": "#paper", "@type": "CreativeWork", "name": title}
