"""claims: what a paper says about its numbers, judged on the cells of every exhibit; copies in tables/. No torch."""


localrules:
    claims,
    publish_claims,


rule claims:
    input:
        outcomes=named(PLAN.claims_outcomes, "paper"),
        cells=named(PLAN.claims_cells, "paper"),
        printed="data/printed/{paper}.csv",
        claims="config/claims/{paper}.yaml",
        code=code("claims"),
    output:
        claims=results("claims", "{paper}.csv"),
        provenance=results("claims", "{paper}.csv.prov.json"),
        comparisons=results("claims", "{paper}.comparisons.csv"),
        markdown=results("claims", "{paper}.md"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/claims/{{paper}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    params:
        settings=named(PLAN.claims_settings, "paper"),
    script:
        "../workflow/scripts/claims.py"


rule publish_claims:
    input:
        files=named(PLAN.claims_files, "paper"),
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
    wildcard_constraints:
        paper="|".join(PLAN.claimed),
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/publish.py"
