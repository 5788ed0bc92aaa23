"""Rule figure: one figure as SVG and PNG, from the cells of a table."""

import json
from typing import TYPE_CHECKING

from lacuna.artefacts import atomic, read_frame
from lacuna.job import job
from lacuna.reporting.figures import draw

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake):
    settings = json.loads(snakemake.params.settings)
    cells = read_frame(snakemake.input.cells)
    for path in (snakemake.output.svg, snakemake.output.png):
        with atomic(path) as temporary:
            draw(settings["plot"], cells, settings["title"], str(temporary))
