"""metrics: what `dvc metrics`, `dvc plots` and `dvc status` read: main numbers, cells, courses of trainings, digests.

Metrics and plots lie in git, and not below results/: who commits them can compare commits with `dvc metrics diff`.
"""

from dataclasses import asdict
from lacuna.versioning.planned import COLLECTED, deciding, planned, trained


localrules:
    metrics,
    metrics_of_table,
    metrics_of_collection,
    planned,


rule metrics_of_table:
    input:
        cells=asked(lambda exhibit: PLAN.inventory.cells_of(exhibit)),
        histories=asked(lambda exhibit: [*trained(PLAN, exhibit).values()]),
    output:
        numbers="metrics/{exhibit}.json",
        rates="plots/rates/{exhibit}.csv",
        training="plots/training/{exhibit}.csv",
    log:
        "logs/metrics/{exhibit}.log",
    wildcard_constraints:
        exhibit="|".join(PLAN.lookup.tables),
    conda:
        ENVIRONMENT
    params:
        networks=asked(lambda exhibit: [*trained(PLAN, exhibit)]),
    script:
        "../workflow/scripts/metrics.py"


rule metrics_of_collection:
    input:
        lambda wildcards: made(*COLLECTED[wildcards.kind])(wildcards),
    output:
        numbers="metrics/{kind}.json",
    log:
        "logs/metrics/{kind}.log",
    wildcard_constraints:
        kind="|".join(COLLECTED),
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/collected.py"


rule metrics:
    input:
        [
            f"metrics/{name}.json"
            for name in PLAN.lookup.tables
            if Path(f"tables/{name}.csv").exists()
        ],


rule planned:
    input:
        lambda wildcards: deciding(PLAN),
    output:
        [
            f"results/planned/{name}.txt"
            for name in [*COLLECTED, "tables", "figures", *PLAN.lookup.tables]
        ],
    log:
        "logs/planned.log",
    conda:
        ENVIRONMENT
    params:
        planned=lambda wildcards: {
            name: asdict(one) for name, one in planned(PLAN).items()
        },
    script:
        "../workflow/scripts/planned.py"
