"""Rule foreground: the foreground of every image of a split, and its share of the image."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lacuna.files.artefacts import Record, write_tensors
from lacuna.files.contents import read_dataset
from lacuna.files.digests import planned_code
from lacuna.files.states import Resumable
from lacuna.foreground.find import find_foreground
from lacuna.jobs.job import job
from lacuna.numerics.device import prepare_torch

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads, getattr(snakemake.resources, "needs_gpu", 0))
    settings, batch = json.loads(snakemake.params.settings), snakemake.resources.batch
    images, brought = snakemake.input.images, list(snakemake.input.network)  # one file, or none
    record = Record("foreground", snakemake.params.settings, [images, *brought], planned_code(snakemake.input.code))
    target = Path(snakemake.output.foreground)
    state = Resumable(target.parent / "state" / target.name, record.full_digest(), say)
    data, how = read_dataset(images), {"device": device, "batch": batch, "say": say, "state": state}
    where = {"split": snakemake.wildcards.split, "classes": settings["classes"], "source": settings["source"]}
    network = Path(brought[0]) if brought else None
    found = find_foreground(settings["masks"], data["images"], data["labels"], network=network, **where, **how)
    record.facts, record.volatile["device"] = found.facts, device
    write_tensors(str(target), {"mask": found.pixels, "fraction": found.fraction}, record)
    state.finish()
    counts = f"{found.facts['empty']} empty, {found.facts['full']} full, of {found.facts['images']}"
    say(f"foreground by {found.label}: {found.facts['mean_fraction']:.1%} of the image on average; {counts}")
