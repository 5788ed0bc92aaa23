"""measure: how the images of one adversarial set look beside the clean ones. No network."""


rule measure:
    input:
        unpack(inputs("measure")),
    output:
        **outputs("measure"),
    log:
        log_of("measure", "{attack}/{source}"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=120,
    params:
        settings=settings("measure"),
    script:
        "../workflow/scripts/measure.py"
