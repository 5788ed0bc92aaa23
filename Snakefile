"""Lacuna: rebuilds tables and figures of three papers by name, for example `snakemake tables/table3.csv`."""

import sys
from pathlib import Path
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")
# Before the configuration is read, which would not be there. Generated unit tests bring a copy of it to their folder.
if len(workflow.included_stack) > 1:
    raise WorkflowError(
        "Lacuna is no module or part of another workflow, with or without a prefix: it reads its own config/ and writes its "
        "own results/; have a rule of yours call `cd lacuna && snakemake tables/table3.csv`, and read the table there"
    )
if (
    not Path(workflow.basedir).samefile(Path.cwd())
    and "--target-files-omit-workdir-adjustment" not in sys.argv
):
    raise WorkflowError(
        f"this workflow runs in its own folder, and not in {Path.cwd()}: `cd {workflow.basedir}`, then the same "
        f"command without --directory and --snakefile; `git worktree add` gives a folder with results of its own"
    )


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "rules/common.smk"
include: "rules/copies.smk"
include: "rules/limits.smk"


if workflow.is_main_process:  # not one that Snakemake starts for a job on a cluster

    include: "rules/runs.smk"


include: "rules/code.smk"
include: "rules/dataset.smk"
include: "rules/foreground.smk"
include: "rules/train.smk"
include: "rules/select.smk"
include: "rules/attack.smk"
include: "rules/evaluate.smk"
include: "rules/measure.smk"
include: "rules/gradient.smk"
include: "rules/cells.smk"
include: "rules/claims.smk"
include: "rules/publish.smk"
include: "rules/metrics.smk"
include: "rules/export.smk"
include: "rules/exports.smk"
include: "rules/crate.smk"
include: "rules/collect.smk"
include: "rules/audit.smk"


rule all:
    input:
        rules.tables.input,
        rules.figures.input,
