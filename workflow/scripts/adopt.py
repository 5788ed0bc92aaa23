"""Rule adopt: checks a network of the user's own, and keeps it like a trained one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lacuna.files.artefacts import Record, write_tensors
from lacuna.files.digests import planned_code
from lacuna.jobs.job import job
from lacuna.models.build import parameter_count
from lacuna.models.networks import adopted_network
from lacuna.numerics.device import prepare_torch

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    prepare_torch(snakemake.threads)
    settings = json.loads(snakemake.params.settings)
    weights = snakemake.input.weights
    record = Record("adopt", snakemake.params.settings, [weights], planned_code(snakemake.input.code))
    network = adopted_network(settings, Path(weights))
    record.facts = {"parameters": parameter_count(network)}
    write_tensors(snakemake.output.checkpoint, network.state_dict(), record)
    say(f"adopt {settings['model']}: {settings['factory']} with {record.facts['parameters']} parameters from {weights}")
