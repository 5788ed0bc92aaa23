"""evaluate: what one target says about the clean test set and about every adversarial set of a suite."""


rule evaluate:
    input:
        unpack(inputs("evaluate")),
    output:
        **outputs("evaluate"),
    log:
        log_of("evaluate", "{suite}/{target}"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=evaluate_minutes,
        batch=500,
    params:
        settings=settings("evaluate"),
    script:
        "../workflow/scripts/evaluate.py"
