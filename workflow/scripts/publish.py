"""Rules publish_table, publish_figure and publish_claims: copies to where a user looks for them, and a note of them."""

from typing import TYPE_CHECKING

from lacuna.files.publications import publish
from lacuna.jobs.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake):
    copies = dict(zip(snakemake.output, snakemake.input.files, strict=True))
    publish(snakemake.log.note, snakemake.config["scale"], next(iter(snakemake.wildcards)), copies)
