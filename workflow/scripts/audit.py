"""Rule audit: reports/audit.html and reports/audit.json from what exists; fails where something is wrong."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lacuna.audit.gather import gather, summary_line
from lacuna.audit.page import render_page
from lacuna.audit.published import REPORTS, report_note
from lacuna.config.load import load
from lacuna.files.artefacts import write_text
from lacuna.files.publications import note_report
from lacuna.jobs.job import job
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    report = gather(Plan(load(Path.cwd(), snakemake.config)), snakemake.config.get("baseline", ""))
    texts = {"html": render_page(report), "json": json.dumps(report, indent=1, allow_nan=False) + "\n"}
    for ending, text in texts.items():
        write_text(f"reports/audit.{ending}", text)
    note_report(report_note(report["scale"]), report["scale"], "audit", REPORTS)
    say(f"{summary_line(report)}; reports/audit.html")
    if not report["summary"]["well"]:
        sys.exit(1)
