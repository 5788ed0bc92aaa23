"""Rule train: trains one network and writes its checkpoint, masks and normalisation included."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lacuna.artefacts import Record, read_tensors, write_tensors
from lacuna.data.sources import normalisation
from lacuna.device import prepare_torch
from lacuna.job import job
from lacuna.models.build import mask_report, parameter_count
from lacuna.networks import new_network
from lacuna.resumable import Resumable
from lacuna.training.loop import train

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads)
    settings = json.loads(snakemake.params.settings)
    record = Record("train", snakemake.params.settings, [snakemake.input.images], list(snakemake.input.code))
    data = read_tensors(snakemake.input.images)
    mean, std = normalisation(settings["normalisation"], data["images"])
    network = new_network(settings, mean, std).to(device)
    record.facts = {"parameters": parameter_count(network), "masks": mask_report(network)}

    checkpoint = Path(snakemake.output.checkpoint)
    state = Resumable(checkpoint.parent / "state" / checkpoint.name, record.everything())
    images, labels = data["images"].to(device), data["labels"].to(device)
    name = settings["model"]
    train(network, images, labels, settings["recipe"], name=name, seed=settings["seed"], state=state, say=say)

    record.volatile["device"] = device
    write_tensors(str(checkpoint), network.state_dict(), record)
    state.finish()
