"""cells, table, figure: numbers from outcomes, and their renderings. No torch, no checkpoints."""


localrules:
    cells,
    table,
    figure,


rule cells:
    input:
        unpack(inputs("cells")),
    output:
        **outputs("cells"),
    log:
        log_of("cells", "{exhibit}"),
    conda:
        ENVIRONMENT
    params:
        settings=settings("cells"),
    script:
        "../workflow/scripts/cells.py"


rule table:
    input:
        unpack(inputs("table")),
    output:
        **outputs("table"),
    log:
        log_of("table", "{exhibit}"),
    conda:
        ENVIRONMENT
    params:
        settings=settings("table"),
    script:
        "../workflow/scripts/table.py"


rule figure:
    input:
        unpack(inputs("figure")),
    output:
        **outputs("figure"),
    log:
        log_of("figure", "{exhibit}"),
    conda:
        ENVIRONMENT
    params:
        settings=settings("figure"),
    script:
        "../workflow/scripts/figure.py"
