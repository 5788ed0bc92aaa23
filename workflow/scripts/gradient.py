"""Rule gradient: measures of one network's loss gradient on every clean test image."""

import json
from typing import TYPE_CHECKING

import pandas as pd

from lacuna.evaluation.doubts import mark_doubts
from lacuna.evaluation.gradients import loss_gradient, measure_gradients
from lacuna.files.artefacts import Record, write_frame
from lacuna.files.contents import read_dataset, read_foreground
from lacuna.files.digests import planned_code
from lacuna.foreign.parts import watched
from lacuna.foreign.probes import doubts_of
from lacuna.jobs.job import job
from lacuna.models.networks import trained_network
from lacuna.numerics.batches import fitting_batch
from lacuna.numerics.device import prepare_torch

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads, getattr(snakemake.resources, "needs_gpu", 0))
    settings = json.loads(snakemake.params.settings)
    inputs = [snakemake.input.images, *snakemake.input.checkpoints, *snakemake.input.foreground]
    record = Record("gradient", snakemake.params.settings, inputs, planned_code(snakemake.input.code))
    data = read_dataset(snakemake.input.images, settings["network"])
    foreground = read_foreground(snakemake.input.foreground[0], data)["mask"]
    network = trained_network(settings["network"], list(snakemake.input.checkpoints), device)
    with watched(network):
        batch = fitting_batch(network, data["images"], snakemake.resources.batch)
        doubts = doubts_of(data["images"], network)
        gradients = loss_gradient(network, data["images"], data["labels"], batch, say)
    found = {name: values.numpy() for name, values in measure_gradients(gradients, foreground).items()}
    flat = int(gradients.flatten(1).eq(0).all(1).sum())
    record.facts = {"zero_gradients": flat}
    record.volatile |= {"device": device, "batch": batch}
    lines = pd.DataFrame({"attack": "none", "source": "", "image": range(len(gradients)), **found})
    write_frame(snakemake.output.measures, mark_doubts(lines, doubts, {}), record)
    say(f"gradient of {snakemake.wildcards.target}: {len(gradients)} images, {flat} of them without a gradient")
