"""cells, table, figure: numbers from outcomes, and their renderings. No torch, no checkpoints."""


localrules:
    cells,
    table,
    figure,


rule cells:
    input:
        outcomes=named(PLAN.outcomes, "exhibit"),
        printed=named(PLAN.printed_file, "exhibit"),
        code=code("cells"),
    output:
        cells=results("cells", "{exhibit}.csv"),
        provenance=results("cells", "{exhibit}.csv.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/cells/{{exhibit}}.log",
    conda:
        ENVIRONMENT
    params:
        settings=named(PLAN.cells_settings, "exhibit"),
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
    conda:
        ENVIRONMENT
    params:
        settings=named(PLAN.table_settings, "exhibit"),
    script:
        "../workflow/scripts/table.py"


rule figure:
    input:
        unpack(named(PLAN.figure_inputs, "exhibit")),
        code=code("figure"),
    output:
        svg=results("figure", "{exhibit}.svg"),
        png=results("figure", "{exhibit}.png"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/figure/{{exhibit}}.log",
    conda:
        ENVIRONMENT
    params:
        settings=named(PLAN.figure_settings, "exhibit"),
    script:
        "../workflow/scripts/figure.py"
