"""select: which test images are attacked, from the clean predictions of the sources."""


rule select:
    input:
        unpack(inputs("select")),
    output:
        **outputs("select"),
    log:
        log_of("select", "{selection}"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=minutes(60),
        batch=500,
    params:
        settings=settings("select"),
    script:
        "../workflow/scripts/select.py"
