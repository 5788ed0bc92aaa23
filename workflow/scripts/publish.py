"""Rules publish_table, publish_figure and publish_claims: copies to where a user looks for them, and a note of them."""

from typing import TYPE_CHECKING

from lacuna.files.publications import publish
from lacuna.jobs.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake):
    files, note = snakemake.input.files, snakemake.output.note
    copies = dict(zip(snakemake.output[: len(files)], files, strict=True))
    name = next(iter(snakemake.wildcards))
    publish(note, snakemake.config["scale"], name, copies)
