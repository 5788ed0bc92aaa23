"""Rule metrics_of_table: a table's main numbers, its cells and its trainings, for `dvc metrics` and `dvc plots`."""

from typing import TYPE_CHECKING

from lacuna.files.artefacts import read_frame, write_text
from lacuna.jobs.job import job
from lacuna.versioning.metrics import as_json, courses, main_numbers, rates

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake):
    cells = read_frame(snakemake.input.cells)
    histories = dict(zip(snakemake.params.networks, snakemake.input.get("histories", []), strict=True))
    write_text(snakemake.output.numbers, as_json(main_numbers(cells)))
    write_text(snakemake.output.rates, rates(cells).to_csv(index=False))
    write_text(snakemake.output.training, courses(histories).to_csv(index=False))
