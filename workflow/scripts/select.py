"""Rule select: the ids of the test images that an attack runs on."""

import json
from itertools import islice
from typing import TYPE_CHECKING

from lacuna.evaluation.predictions import predict, predict_sure
from lacuna.evaluation.selection import outside_limits, select_images
from lacuna.files.artefacts import Record, write_frame
from lacuna.files.contents import read_dataset, read_foreground
from lacuna.files.digests import planned_code
from lacuna.foreign.parts import watched
from lacuna.jobs.job import job
from lacuna.models.networks import trained_network
from lacuna.numerics.batches import fitting_batch
from lacuna.numerics.device import place_images, prepare_torch

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads, getattr(snakemake.resources, "needs_gpu", 0))
    settings = json.loads(snakemake.params.settings)
    inputs = [snakemake.input.images, *snakemake.input.checkpoints, *snakemake.input.foreground]
    record = Record("select", snakemake.params.settings, inputs, planned_code(snakemake.input.code))
    data = read_dataset(snakemake.input.images, next(iter(settings["networks"]), None))
    images, predictions, least = place_images(data["images"], device), {}, settings.get("confidence")
    checkpoints = iter(snakemake.input.checkpoints)
    for network in settings["networks"]:
        model = trained_network(network, list(islice(checkpoints, len(network.get("members", [network])))), device)
        with watched(model):
            batch = fitting_batch(model, data["images"], snakemake.resources.batch)
            answers = predict(model, images, batch)
            sure = predict_sure(model, images, batch, least) if least else answers
        predictions[network["model"]] = sure
        accuracy = answers.eq(data["labels"]).double().mean().item()
        say(f"select {settings['selection']}: {network['model']} is right on {accuracy:.2%} of the test images")
        record.facts[network["model"]] = {"test_accuracy": round(accuracy, 6)}
    left_out = None
    for path in snakemake.input.foreground:  # one where its share decides, else none
        left_out = outside_limits(read_foreground(path, data)["fraction"], settings["foreground"])
        record.facts["foreground"] = {"left_out": int(left_out.sum()), "images": len(left_out)}
    fewer = least is not None or left_out is not None
    asked = settings["images"], settings["selection"], settings["seed"]
    chosen = select_images(data["labels"], predictions, *asked, at_most=fewer, left_out=left_out)
    record.volatile["device"] = device
    write_frame(snakemake.output.selection, chosen, record)
