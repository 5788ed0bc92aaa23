"""cells, table, figure: numbers from outcomes, and their renderings. No torch, no checkpoints."""


localrules:
    cells,
    table,
    figure,


def figure_cells(wildcards):
    """The cells that a figure shows."""
    table = PLAN.figures[wildcards.exhibit][1]["table"]
    return PLAN.path(wildcards.dataset, "cells", f"{table}.csv")


rule cells:
    input:
        outcomes=named(PLAN.outcomes, "exhibit"),
        printed="data/printed/defective.csv",
        code=code("cells"),
    output:
        cells=results("cells", "{exhibit}.csv"),
        provenance=results("cells", "{exhibit}.csv.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/cells/{{exhibit}}.log",
    params:
        settings=named(PLAN.cells_settings, "exhibit"),
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/cells.py"


rule table:
    input:
        cells=results("cells", "{exhibit}.csv"),
        code=code("table"),
    output:
        csv=results("table", "{exhibit}.csv"),
        markdown=results("table", "{exhibit}.md"),
        latex=results("table", "{exhibit}.tex"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/table/{{exhibit}}.log",
    params:
        settings=named(PLAN.table_settings, "exhibit"),
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/table.py"


rule figure:
    input:
        cells=figure_cells,
        code=code("figure"),
    output:
        svg=results("figure", "{exhibit}.svg"),
        png=results("figure", "{exhibit}.png"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/figure/{{exhibit}}.log",
    params:
        settings=named(PLAN.figure_settings, "exhibit"),
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/figure.py"
