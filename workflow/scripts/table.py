"""Rule table: one table's cells as CSV, Markdown and LaTeX."""

import json
from typing import TYPE_CHECKING

from lacuna.files.artefacts import write_text
from lacuna.files.contents import read_cells
from lacuna.files.escapes import csv_text
from lacuna.jobs.job import job
from lacuna.reporting.left_out import left_out_sentences
from lacuna.reporting.origins import origin_lines
from lacuna.reporting.tables.render import table_texts, wide_table

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake):
    settings = json.loads(snakemake.params.settings)
    cells = read_cells(snakemake.input.cells)
    write_text(snakemake.output.csv, csv_text(wide_table(cells)))
    left_out = left_out_sentences(snakemake.input.selections)
    markdown, latex = table_texts(cells, settings, left_out, origin_lines([snakemake.input.cells]))
    write_text(snakemake.output.markdown, markdown)
    write_text(snakemake.output.latex, latex)
