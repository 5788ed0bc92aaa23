"""publish: copies of the chosen scale's tables and figures, where a user looks for them."""


localrules:
    tables,
    figures,
    publish_table,
    publish_figure,


def table_files(wildcards):
    """The files of one table in the chosen scale, in the order of rule publish_table's outputs."""
    dataset = PLAN.dataset_of(wildcards.exhibit)
    rendered = [PLAN.path(dataset, "table", f"{wildcards.exhibit}.{ending}") for ending in ("csv", "md", "tex")]
    return [*rendered, PLAN.path(dataset, "cells", f"{wildcards.exhibit}.csv")]


def figure_files(wildcards):
    """The files of one figure in the chosen scale, in the order of rule publish_figure's outputs."""
    dataset = PLAN.dataset_of(wildcards.exhibit)
    return [PLAN.path(dataset, "figure", f"{wildcards.exhibit}.{ending}") for ending in ("svg", "png")]


rule publish_table:
    input:
        files=table_files,
    output:
        csv="tables/{exhibit}.csv",
        markdown="tables/{exhibit}.md",
        latex="tables/{exhibit}.tex",
        cells="tables/{exhibit}.cells.csv",
    log:
        "logs/publish/{exhibit}.log",
    wildcard_constraints:
        exhibit="|".join(PLAN.tables),
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/publish.py"


rule publish_figure:
    input:
        files=figure_files,
    output:
        svg="figures/{exhibit}.svg",
        png="figures/{exhibit}.png",
    log:
        "logs/publish/{exhibit}.log",
    wildcard_constraints:
        exhibit="|".join(PLAN.figures),
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/publish.py"


rule tables:
    input:
        expand("tables/{exhibit}.csv", exhibit=list(PLAN.tables)),


rule figures:
    input:
        expand("figures/{exhibit}.svg", exhibit=list(PLAN.figures)),
