"""Rule foreground: the foreground of every image of a split, and its share of the image."""

import json
from typing import TYPE_CHECKING

from lacuna.files.artefacts import Record, write_tensors
from lacuna.files.contents import read_dataset
from lacuna.files.digests import planned_code
from lacuna.foreground.find import find_foreground
from lacuna.jobs.job import job
from lacuna.numerics.device import prepare_torch

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads, getattr(snakemake.resources, "needs_gpu", 0))
    settings, batch = json.loads(snakemake.params.settings), snakemake.resources.batch
    images = snakemake.input.images
    record = Record("foreground", snakemake.params.settings, [images], planned_code(snakemake.input.code))
    data, how = read_dataset(images), {"device": device, "batch": batch, "say": say}
    where = {"split": snakemake.wildcards.split, "classes": settings["classes"], "source": settings["source"]}
    found = find_foreground(settings["masks"], data["images"], data["labels"], **where, **how)
    record.facts, record.volatile["device"] = found.facts, device
    write_tensors(snakemake.output.foreground, {"mask": found.pixels, "fraction": found.fraction}, record)
    counts = f"{found.facts['empty']} empty, {found.facts['full']} full, of {found.facts['images']}"
    say(f"foreground by {found.label}: {found.facts['mean_fraction']:.1%} of the image on average; {counts}")
