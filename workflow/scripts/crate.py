"""Rule crate: packs an exhibit, a paper's claims or a whole paper, with its checker, and notes its root digest."""

from pathlib import Path
from typing import TYPE_CHECKING

from lacuna.config.load import load
from lacuna.crates.build import build
from lacuna.crates.pack import pack
from lacuna.files.publications import note_report
from lacuna.jobs.job import job
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    plan, name = Plan(load(Path.cwd(), snakemake.config)), snakemake.wildcards.crate
    members = build(plan, name)
    root = pack(members, snakemake.output.zip, snakemake.output.root)
    note_report(snakemake.log.note, plan.config.scale, name, [*snakemake.output], [*snakemake.input.files])
    say(f"{snakemake.output.zip}: {len(members)} members; root {root}")
