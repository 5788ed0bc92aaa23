"""Rule export: an adversarial set as .npz and as PNG files."""

from pathlib import Path
from typing import TYPE_CHECKING

from lacuna.files.artefacts import atomic_path
from lacuna.files.contents import read_adversarial
from lacuna.files.export import write_npz, write_png
from lacuna.jobs.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    tensors = read_adversarial(snakemake.input.adversarial)
    with atomic_path(snakemake.output.npz) as temporary:
        write_npz(temporary, tensors)
    write_png(Path(snakemake.output.png), tensors)
    say(f"export: {snakemake.output.npz} and PNG files in {snakemake.output.png}")
