"""Lacuna: rebuilds tables and figures of three papers by name, for example `snakemake tables/table3.csv`."""

from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "rules/common.smk"
include: "rules/copies.smk"
include: "rules/limits.smk"
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
include: "rules/export.smk"
include: "rules/collect.smk"
include: "rules/audit.smk"


rule all:
    input:
        rules.tables.input,
        rules.figures.input,
