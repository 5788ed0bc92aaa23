"""Rule cells: the numbers of one table with n, intervals, printed values and provenance."""

import json
from typing import TYPE_CHECKING

from lacuna.files.artefacts import Record, provenance_digest, write_frame
from lacuna.files.contents import FORMAT, read_printed
from lacuna.files.digests import planned_code
from lacuna.jobs.job import job
from lacuna.numbers.cells import table_cells
from lacuna.numbers.metrics import outcomes_by_name, read_lines

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake):
    settings = json.loads(snakemake.params.settings)
    inputs = [*snakemake.input.outcomes, snakemake.input.printed]
    record = Record("cells", snakemake.params.settings, inputs, planned_code(snakemake.input.code))
    files = outcomes_by_name([settings], snakemake.input.outcomes)
    outcomes = {(folder, origin): read_lines(origin, path) for (folder, origin), path in files.items()}
    digests = {name: provenance_digest(path) for name, path in files.items()}
    printed = read_printed(snakemake.input.printed)
    cells = table_cells(settings, outcomes, printed[printed["table"] == settings["printed_table"]], digests)
    record.facts |= {"format": FORMAT} if "answers" in cells else {}
    write_frame(snakemake.output.cells, cells, record)
