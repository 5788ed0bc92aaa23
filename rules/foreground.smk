"""foreground: which pixels of a split's images are foreground, one file per split."""


rule foreground:
    input:
        unpack(inputs("foreground")),
    output:
        **outputs("foreground"),
    log:
        log_of("foreground", "{split}"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=240,
        batch=50,
    params:
        settings=settings("foreground"),
    script:
        "../workflow/scripts/foreground.py"
