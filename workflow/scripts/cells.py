"""Rule cells: the numbers of one table with n, intervals, printed values and provenance."""

import json
from typing import TYPE_CHECKING

import pandas as pd

from lacuna.artefacts import Record, provenance_digest, read_frame, write_frame
from lacuna.cells import table_cells
from lacuna.job import job
from lacuna.metrics import folders

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake):
    settings = json.loads(snakemake.params.settings)
    paths = list(snakemake.input.outcomes)
    inputs = [*paths, snakemake.input.printed]
    record = Record("cells", snakemake.params.settings, inputs, list(snakemake.input.code))
    pairs = dict.fromkeys((cell["suite"], cell["target"]) for cell in settings["cells"])
    keys = [(folder, *pair) for folder in folders(settings) for pair in pairs]
    outcomes = {key: read_frame(path) for key, path in zip(keys, paths, strict=True)}
    digests = {key: provenance_digest(path) for key, path in zip(keys, paths, strict=True)}
    printed = pd.read_csv(snakemake.input.printed)
    cells = table_cells(settings, outcomes, printed[printed["table"] == settings["printed_table"]], digests)
    write_frame(snakemake.output.cells, cells, record)
