"""Asks Snakemake, by one dry run of everything, which jobs each table and figure waits for."""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

from lacuna.catalogue.entries import Entry
from lacuna.catalogue.states import States
from lacuna.errors import LacunaError
from lacuna.plan.plan import Plan

OUTPUT = re.compile(r"^    output: (.+)$", re.M)


def checked(plan: Plan, found: Sequence[Entry]) -> list[Entry]:
    """The entries with the number of jobs that Snakemake would run for each; copies to tables/ and figures/ count.

    Raises `LacunaError` where Snakemake refuses.
    """
    jobs, states = planned_jobs(plan.config.scale, [one.target for one in found]), States(plan)
    return [replace(one, jobs=sum(bool(job & _files(plan, states, one)) for job in jobs)) for one in found]


def planned_jobs(scale: str, targets: Sequence[str]) -> list[set[str]]:
    """The outputs of each job that a dry run plans for these targets."""
    call = [sys.executable, "-m", "snakemake", "-n", "--config", f"scale={scale}", "--", *targets]
    done = subprocess.run(call, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason"]
        raise LacunaError(f"Snakemake refuses a dry run: {lines[-1]}")
    return [set(outputs.split(", ")) for outputs in OUTPUT.findall(done.stdout + done.stderr)]


def _files(plan: Plan, states: States, one: Entry) -> set[str]:
    """All that is made for an entry: the files that it is made from, its renderings, its copies."""
    made = plan.published.table(one.name) if one.kind == "table" else plan.published.figure(one.name)
    return {*made, one.target, *(artefact.path for artefact in states.chain(one.kind, one.name))}
