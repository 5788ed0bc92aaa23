"""Rule figure: one figure as SVG and PNG."""

import json
from typing import TYPE_CHECKING

from lacuna.files.artefacts import atomic_path
from lacuna.jobs.job import job
from lacuna.language.codes import is_own
from lacuna.reporting.drawing import figure
from lacuna.reporting.drawing.core.own import origin
from lacuna.reporting.drawing.core.style import save
from lacuna.reporting.left_out import left_out_sentences
from lacuna.reporting.origins import origin_lines

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake):
    named = snakemake.input.items()
    files = {name: [value] if isinstance(value, str) else list(value) for name, value in named}
    settings = json.loads(snakemake.params.settings)
    if counted := left_out_sentences(files.pop("selections", [])):
        settings["notes"] = [*settings.get("notes", []), *counted]
    own = settings["plot"] if is_own(settings["plot"]) else ""
    settings["notes"] = [
        *settings.get("notes", []),
        *origin_lines((path for paths in files.values() for path in paths), own),
    ]
    drawn, source = figure(settings, files), origin(settings, files)
    for path in (snakemake.output.svg, snakemake.output.png):
        with atomic_path(path) as temporary:
            save(drawn, str(temporary), source)
