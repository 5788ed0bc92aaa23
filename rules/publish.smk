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
        csv=report(
            "tables/{exhibit}.csv",
            caption="../workflow/report/table.rst",
            category="Tables",
            subcategory=paper_of,
            labels=labels("as printed"),
        ),
        markdown="tables/{exhibit}.md",
        latex="tables/{exhibit}.tex",
        cells=report(
            "tables/{exhibit}.cells.csv",
            caption="../workflow/report/cells.rst",
            category="Tables",
            subcategory=paper_of,
            labels=labels("every cell"),
        ),
    log:
        "logs/publish/tables/{exhibit}.log",
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
        svg=report(
            "figures/{exhibit}.svg",
            caption="../workflow/report/figure.rst",
            category="Figures",
            subcategory=paper_of,
            labels=labels("figure"),
        ),
        png="figures/{exhibit}.png",
    log:
        "logs/publish/figures/{exhibit}.log",
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
