"""gradient: measures of one network's loss gradient on every clean test image."""


rule gradient:
    input:
        unpack(inputs("gradient")),
    output:
        **outputs("gradient"),
    log:
        log_of("gradient", "{target}"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=minutes(60),
        batch=100,
    params:
        settings=settings("gradient"),
    script:
        "../workflow/scripts/gradient.py"
