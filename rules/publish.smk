"""publish: copies of the chosen scale's tables and figures, where a user looks for them."""


localrules:
    tables,
    figures,
    publish_table,
    publish_figure,


rule publish_table:
    input:
        files=named(PLAN.table_files, "exhibit"),
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
        files=named(PLAN.figure_files, "exhibit"),
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
        expand("tables/{paper}-claims.csv", paper=PLAN.claimed),


rule figures:
    input:
        expand("figures/{exhibit}.svg", exhibit=list(PLAN.figures)),
