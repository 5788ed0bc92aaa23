"""Rule train: trains one network; writes its checkpoint, with masks and normalisation, and its history."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lacuna.data.normalisation import normalisation
from lacuna.files.artefacts import Record, write_tensors, write_text
from lacuna.files.contents import read_dataset, read_foreground, read_index
from lacuna.files.digests import planned_code
from lacuna.files.states import Resumable
from lacuna.jobs.job import job
from lacuna.language.models import FLOAT32, STARTED_NETWORKS, parse_model
from lacuna.models.build import mask_report, parameter_count
from lacuna.models.networks import new_network
from lacuna.models.pretrained import load_start
from lacuna.numerics.device import place_images, prepare_torch
from lacuna.training.history import as_csv
from lacuna.training.loop import train

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    settings = json.loads(snakemake.params.settings)
    streamed = "stream" in settings  # then all threads but one read images
    device = prepare_torch(1 if streamed else snakemake.threads, getattr(snakemake.resources, "needs_gpu", 0))
    tests, foregrounds = (list(snakemake.input.get(name, [])) for name in ("tests", "foreground"))
    inputs = [snakemake.input.images, *tests, *foregrounds]
    record = Record("train", snakemake.params.settings, inputs, planned_code(snakemake.input.code))
    data = (read_index if streamed else read_dataset)(snakemake.input.images, settings)
    held_out = [read_dataset(path, settings) for path in tests]  # one where the history has test columns, else none
    foreground = [read_foreground(path, data)["mask"] for path in foregrounds]  # one where the training needs it
    mean, std = normalisation(settings["normalisation"], data.get("images"))
    network = new_network(settings, mean, std)
    record.facts = {"parameters": parameter_count(network), "masks": mask_report(network)}
    if (arch := parse_model(settings["model"]).arch) in STARTED_NETWORKS:
        record.facts |= load_start(network[1], arch, settings.get("training", {}), settings.get("indices"))
        say(f"{settings['model']}: {record.facts['start']}")
    network = network.to(device)
    checkpoint = Path(snakemake.output.checkpoint)
    state = Resumable(checkpoint.parent / "state" / checkpoint.name, record.full_digest(), say)
    if streamed:
        from lacuna.training.stream import Stream  # imports torchvision, which other trainings need not wait for

        images: Any = Stream(snakemake.input.images, data, settings, snakemake.threads - 1, device)
    else:
        images = place_images(data["images"], device)
    how: dict[str, Any] = {
        "training": settings.get("training"),
        "tests": (place_images(held_out[0]["images"], device), held_out[0]["labels"]) if held_out else None,
        "masks": foreground[0].to(images.device) if foreground else None,
        "precision": settings.get("precision", FLOAT32),
        "fast": settings.get("fast", False),
        "name": settings["model"],
        "seed": settings["seed"],
        "state": state,
        "say": say,
    }
    published = not settings["recipe"]["epochs"]  # and taken as it is
    history = [] if published else train(network, images, data["labels"].to(images.device), settings["recipe"], **how)
    record.volatile["device"] = device
    write_tensors(str(checkpoint), network.state_dict(), record)
    write_text(snakemake.output.history, as_csv(history))
    record.write(snakemake.output.history)
    state.finish()
