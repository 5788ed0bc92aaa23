"""Helpers of all rules: the validated configuration, and what each rule needs from it."""

import gc
import os
import sys
from functools import cache
from pathlib import Path
from snakemake.exceptions import WorkflowError
from lacuna.config.chosen import check_chosen
from lacuna.config.load import load
from lacuna.errors import LacunaError
from lacuna.jobs import command_line
from lacuna.language.models import KNOWN_NETWORKS
from lacuna.plan.paths import WILDCARDS
from lacuna.plan.plan import Plan
from lacuna.plan.references import refuse_missing_code

gc.disable()  # until the first job: a plan's objects stay, and looking for garbage takes a seventh of its time
ROOT = Path(workflow.basedir)
ENVIRONMENT = f"{ROOT}/envs/environment.yaml"
if {*" {}"} & {*str(ROOT)}:
    raise WorkflowError(
        f"the path of this checkout has a space or a brace, which Snakemake cannot run scripts in: {ROOT}; move it"
    )
try:
    if workflow.is_main_process:
        check_chosen(*command_line.chosen(sys.argv), Path.cwd())
    PLAN = Plan(load(ROOT, config))
    refuse_missing_code(PLAN.config)
except LacunaError as error:
    raise WorkflowError(str(error)) from None


wildcard_constraints:
    **WILDCARDS,


def outputs(stage):
    """What a stage writes, by names: artefacts, each with its provenance, and renderings."""
    said = PLAN.stages[stage]
    paths = {name: PLAN.paths.template(stage, name) for name in said.outputs}
    records = {
        f"{name}_provenance": f"{path}.prov.json" for name, path in paths.items()
    }
    renderings = {name: PLAN.paths.template(stage, name) for name in said.renderings}
    return paths | records | renderings


def log_of(stage, name):
    """The log of a stage's job."""
    return f"logs/{PLAN.config.scale}/{{dataset}}/{stage}/{name}.log"


def inputs(stage):
    """An input function: what a stage's job reads, by names; under ``code`` what decides it (rules/code.smk)."""
    said = PLAN.stages[stage]

    def everything(**wildcards):
        digests = [PLAN.code[part].digests for part in said.code(**wildcards)]
        read = said.inputs(**wildcards)
        return {
            **{name: brought(part) for name, part in read.items()},
            **records(read),
            "code": [*digests, *map(brought, said.own_code(**wildcards))],
        }

    return asked(everything)


@cache
def command():
    """What the command line asks for."""
    return command_line.asked(sys.argv)


def settings(stage):
    """A params function: the settings of a stage's job."""
    return asked(PLAN.stages[stage].canonical)


def asked(function):
    """An input or params function that asks the plan about a job's wildcards."""

    def ask(wildcards):
        try:
            return function(**dict(wildcards.items()))
        except LacunaError as error:
            raise WorkflowError(str(error)) from None
        except KeyError as error:
            raise WorkflowError(
                f"{error} is not in the configuration of scale {PLAN.config.scale}"
            ) from None

    return ask


def made(*stages):
    """An input function: the artefacts of these stages, of all tables."""

    def ask(wildcards):
        return [
            artefact.path
            for artefact in PLAN.inventory.artefacts()
            if artefact.stage in stages
        ]

    return ask


def paper_of(wildcards):
    """The title of the paper that an exhibit, or a file of claims, is about: its place in the HTML report."""
    exhibits = PLAN.lookup.tables | PLAN.lookup.figures
    paper = wildcards.get("paper") or exhibits[wildcards.exhibit][0]
    return PLAN.config.papers[paper]["title"]


def labels(shows):
    """A function for the labels of an exhibit in the HTML report."""

    def ask(wildcards):
        _, body = (PLAN.lookup.tables | PLAN.lookup.figures)[wildcards.exhibit]
        return {"exhibit": wildcards.exhibit, "title": body["title"], "shows": shows}

    return ask
