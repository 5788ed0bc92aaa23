"""Rule dataset: the official files of a dataset as two verified artefacts, train and test."""

import json
from typing import TYPE_CHECKING

from lacuna.artefacts import Record, write_tensors
from lacuna.data.sources import load_splits, source_files
from lacuna.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    name = snakemake.wildcards.dataset
    settings = json.loads(snakemake.params.settings)
    splits = load_splits(name, settings)
    for split, (images, labels) in splits.items():
        path = snakemake.output[split]
        record = Record("dataset", snakemake.params.settings, list(snakemake.input.source), list(snakemake.input.code))
        record.facts = {"files": source_files(settings["source"])}
        write_tensors(path, {"images": images, "labels": labels}, record)
        say(f"dataset {name}: {len(images)} {split} images")
