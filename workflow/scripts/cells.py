"""Rule cells: the numbers of one table with n, intervals, printed values and provenance."""

import json
from typing import TYPE_CHECKING

from lacuna.files.artefacts import Record, provenance_digest, write_frame
from lacuna.files.contents import read_printed
from lacuna.jobs.job import job
from lacuna.language.codes import place_of
from lacuna.numbers.cells import table_cells
from lacuna.numbers.metrics import folders, read_lines

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake):
    settings = json.loads(snakemake.params.settings)
    paths = list(snakemake.input.outcomes)
    inputs = [*paths, snakemake.input.printed]
    record = Record("cells", snakemake.params.settings, inputs, list(snakemake.input.code))
    places = dict.fromkeys(place_of(cell) for cell in settings["cells"])
    keys = [(folder, *place) for folder in folders(settings) for place in places]
    outcomes = {key: read_lines(key[1:], path) for key, path in zip(keys, paths, strict=True)}
    digests = {key: provenance_digest(path) for key, path in zip(keys, paths, strict=True)}
    printed = read_printed(snakemake.input.printed)
    cells = table_cells(settings, outcomes, printed[printed["table"] == settings["printed_table"]], digests)
    write_frame(snakemake.output.cells, cells, record)
