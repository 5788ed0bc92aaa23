"""publish: copies of the chosen scale's tables and figures, where a user looks for them, and notes of the copies."""


localrules:
    tables,
    figures,
    publish_table,
    publish_figure,


rule publish_table:
    input:
        files=asked(PLAN.published.table),
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
        **PLAN.published.notes("table", "{exhibit}"),
    wildcard_constraints:
        exhibit="|".join(PLAN.lookup.tables),
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/publish.py"


rule publish_figure:
    input:
        files=asked(PLAN.published.figure),
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
        **PLAN.published.notes("figure", "{exhibit}"),
    wildcard_constraints:
        exhibit="|".join(PLAN.lookup.figures),
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/publish.py"


rule tables:
    input:
        expand("tables/{exhibit}.csv", exhibit=list(PLAN.lookup.tables)),
        expand("tables/{paper}-claims.csv", paper=PLAN.lookup.claimed),


rule figures:
    input:
        expand("figures/{exhibit}.svg", exhibit=list(PLAN.lookup.figures)),
