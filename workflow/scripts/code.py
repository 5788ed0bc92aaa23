"""Rules code_*: the digests of the modules that decide a stage's numbers."""

from typing import TYPE_CHECKING

from lacuna.files.digests import write_digests
from lacuna.jobs.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake):
    write_digests(snakemake.output.digests, snakemake.input)
