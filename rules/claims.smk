"""claims: what a paper says about its numbers, judged on the cells of every exhibit; copies in tables/. No torch."""


localrules:
    claims,
    publish_claims,


rule claims:
    input:
        unpack(inputs("claims")),
    output:
        **outputs("claims"),
    log:
        log_of("claims", "{paper}"),
    conda:
        ENVIRONMENT
    threads: 1
    params:
        settings=settings("claims"),
    script:
        "../workflow/scripts/claims.py"


rule publish_claims:
    input:
        files=asked(PLAN.published.claims),
    output:
        csv=report(
            "tables/{paper}-claims.csv",
            caption="../workflow/report/claims.rst",
            category="Claims",
            subcategory=paper_of,
            labels={"paper": "{paper}", "shows": "claims and verdicts"},
        ),
        markdown="tables/{paper}-claims.md",
        comparisons="tables/{paper}-claims.comparisons.csv",
    log:
        "logs/publish/{paper}-claims.log",
        **PLAN.published.notes("claims", "{paper}"),
    wildcard_constraints:
        paper="|".join(PLAN.lookup.claimed),
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/publish.py"
