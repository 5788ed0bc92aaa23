"""crate: a table, a figure, claims or a paper as one file that others check without Lacuna, and its root digest."""


localrules:
    crate,


rule crate:
    input:
        files=asked(PLAN.crates.inputs),
    output:
        zip="crates/{crate}.zip",
        root="crates/{crate}.zip.sha256",
    log:
        "logs/publish/crates/{crate}.log",
        **PLAN.crates.notes("{crate}"),
    wildcard_constraints:
        crate="|".join(PLAN.crates.parts),
    conda:
        ENVIRONMENT
    script:
        "../workflow/scripts/crate.py"
