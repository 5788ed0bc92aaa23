"""Rule metrics_of_collection: how much there is of a kind of files, for `dvc metrics` and the order of `dvc dag`."""

from typing import TYPE_CHECKING

from lacuna.files.artefacts import write_text
from lacuna.jobs.job import job
from lacuna.versioning.metrics import as_json, collected

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake):
    write_text(snakemake.output.numbers, as_json(collected(snakemake.input)))
