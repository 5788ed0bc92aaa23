"""train: one network from its name, one rule per architecture, so that the longest start first; adopt: a user's own."""

for ARCH in KNOWN_NETWORKS:

    rule:
        name:
            f"train_{ARCH.replace('-', '_')}"
        input:
            unpack(inputs("train")),
        output:
            **outputs("train"),
        log:
            log_of("train", "{model}"),
        wildcard_constraints:
            model=f"{ARCH}(x2)?-[a-z0-9.-]+",
        priority: PLAN.stages["train"].priority_of(ARCH)
        conda:
            ENVIRONMENT
        threads: train_threads
        resources:
            runtime=train_minutes,
            mem_mb=train_megabytes,
        params:
            settings=settings("train"),
        script:
            "../workflow/scripts/train.py"


rule adopt:
    input:
        unpack(inputs("adopt")),
    output:
        **outputs("adopt"),
    log:
        log_of("adopt", "{model}"),
    wildcard_constraints:
        model="own-[a-z0-9.-]+",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=minutes(30),
    params:
        settings=settings("adopt"),
    script:
        "../workflow/scripts/adopt.py"
