"""Rule train: trains one network; writes its checkpoint, masks and normalisation included, and its history."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lacuna.artefacts import Record, write_tensors, write_text
from lacuna.contents import read_dataset
from lacuna.data.sources import normalisation
from lacuna.device import prepare_torch
from lacuna.job import job
from lacuna.models.build import mask_report, parameter_count
from lacuna.networks import new_network
from lacuna.resumable import Resumable
from lacuna.training.history import as_csv
from lacuna.training.loop import train

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads, getattr(snakemake.resources, "needs_gpu", 0))
    settings = json.loads(snakemake.params.settings)
    inputs = [snakemake.input.images, *snakemake.input.get("tests", [])]
    record = Record("train", snakemake.params.settings, inputs, list(snakemake.input.code))
    data = read_dataset(snakemake.input.images, settings)
    mean, std = normalisation(settings["normalisation"], data["images"])
    network = new_network(settings, mean, std).to(device)
    record.facts = {"parameters": parameter_count(network), "masks": mask_report(network)}

    checkpoint = Path(snakemake.output.checkpoint)
    state = Resumable(checkpoint.parent / "state" / checkpoint.name, record.everything())
    images, labels = data["images"].to(device), data["labels"].to(device)
    tests = [read_dataset(path, settings) for path in inputs[1:]]  # one where the history has test columns, else none
    history = train(
        network,
        images,
        labels,
        settings["recipe"],
        name=settings["model"],
        seed=settings["seed"],
        state=state,
        say=say,
        training=settings.get("training"),
        tests=(tests[0]["images"].to(device), tests[0]["labels"].to(device)) if tests else None,
    )

    record.volatile["device"] = device
    write_tensors(str(checkpoint), network.state_dict(), record)
    write_text(snakemake.output.history, as_csv(history))
    record.write(snakemake.output.history)
    state.finish()
