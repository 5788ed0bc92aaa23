"""Rule planned: a digest of what decides each alias of dvc.yaml."""

from pathlib import Path
from typing import TYPE_CHECKING

from lacuna.files.artefacts import write_text
from lacuna.jobs.job import job
from lacuna.versioning.planned import Planned

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake):
    for path in snakemake.output:
        write_text(path, Planned(**snakemake.params.planned[Path(path).stem]).text())
