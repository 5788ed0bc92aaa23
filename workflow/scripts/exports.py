"""Rules publish_network and publish_network_of: a trained network for others, checked on every test image."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lacuna.exports.write import export
from lacuna.files.contents import read_dataset
from lacuna.files.publications import note_report
from lacuna.jobs.job import job
from lacuna.models.networks import trained_network
from lacuna.numerics.batches import fitting_batch
from lacuna.numerics.device import prepare_torch
from lacuna.plan.exported import NAMES, note_name

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads)  # minutes, on a processor too
    about = json.loads(snakemake.params.about)
    data = read_dataset(snakemake.input.images, about["network"])
    network = trained_network(about["network"], [snakemake.input.checkpoint], device)
    batch = fitting_batch(network, data["images"], snakemake.resources.batch)
    target = Path(snakemake.output.folder)
    checkpoint = snakemake.input.checkpoint
    seen = export(target, about, checkpoint, network, data, batch=batch, device=device, say=say)
    files = [f"{target}/{name}" for name in NAMES]
    note_report(snakemake.log.note, about["scale"], note_name(str(target)), files)
    say(f"export: {target}; {seen.right / seen.images:.2%} of {seen.images} test images; {seen.differences}")
