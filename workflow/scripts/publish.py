"""Rules publish_table and publish_figure: copies the chosen scale's files to where a user looks for them."""

import shutil
from typing import TYPE_CHECKING

from lacuna.files.artefacts import atomic_path, provenance_path, verify
from lacuna.jobs.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake):
    for source, target in zip(snakemake.input.files, snakemake.output, strict=True):
        if provenance_path(source).exists():
            verify(source)
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
