"""Rule claims: a verdict on each claim of a paper, and every comparison behind it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lacuna.claims.relations import load_claims
from lacuna.claims.verdicts import judge
from lacuna.files.artefacts import Record, write_frame, write_text
from lacuna.files.contents import read_cells, read_printed
from lacuna.files.digests import planned_code
from lacuna.jobs.job import job
from lacuna.numbers.metrics import outcomes_by_name, read_lines, samples_of
from lacuna.reporting.tables.claim_page import claims_markdown

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    settings, paths = json.loads(snakemake.params.settings), snakemake.input
    inputs = [*paths.cells, *paths.outcomes, paths.printed, paths.claims]
    record = Record("claims", snakemake.params.settings, inputs, planned_code(paths.code))
    files = outcomes_by_name(settings["tables"], paths.outcomes)
    samples = samples_of(settings["tables"], lambda folder, origin: read_lines(origin, files[folder, origin]))
    cells = pd.concat([read_cells(path) for path in paths.cells], ignore_index=True)
    claims = load_claims(Path.cwd(), snakemake.wildcards.paper, paths.claims)
    exhibits = {table["printed_table"]: table["exhibit"] for table in reversed(settings["tables"])}
    verdicts, comparisons = judge(claims, cells, samples, read_printed(paths.printed), exhibits, settings["names"])
    write_frame(snakemake.output.claims, verdicts, record)
    write_frame(snakemake.output.comparisons, comparisons, record)
    write_text(snakemake.output.markdown, claims_markdown(verdicts, settings["title"]))
    counts = verdicts["verdict"].value_counts()
    say(f"claims of {snakemake.wildcards.paper}: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.items()))
