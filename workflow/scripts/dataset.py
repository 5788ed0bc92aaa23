"""Rule dataset: the official files of a dataset as two verified artefacts; the train split may be an index of them."""

import json
from typing import TYPE_CHECKING

from lacuna.data.index import packed
from lacuna.data.sources import open_splits, source_digests
from lacuna.files.artefacts import Record, write_split, write_tensors
from lacuna.files.digests import planned_code
from lacuna.jobs.job import job
from lacuna.jobs.progress import Progress, report_pieces

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    name = snakemake.wildcards.dataset
    settings = json.loads(snakemake.params.settings)
    for split, images in open_splits(name, settings).items():
        path = snakemake.output[split]
        record = Record(
            "dataset", snakemake.params.settings, list(snakemake.input.source), planned_code(snakemake.input.code)
        )
        record.facts = {"files": source_digests(settings["source"]), **images.facts()}
        progress = Progress(f"dataset {name}, {split}", "image", images.shape[0], say)
        if images.entries:
            write_tensors(path, packed(report_pieces(images.entries(), progress)), record)
        else:
            write_split(path, images.labels, images.shape, report_pieces(images.pieces(), progress), record)
        say(f"dataset {name}: {images.shape[0]} {split} images")
