"""audit: one page on all that exists at this scale. No outputs: it always runs, reads what is there, builds nothing."""


localrules:
    audit,


rule audit:
    log:
        "logs/audit.log",
    conda:
        ENVIRONMENT
    threads: 1
    script:
        "../workflow/scripts/audit.py"
