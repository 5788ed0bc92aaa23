"""attack: the adversarial set of one attack (its whole grid of budgets) on one source."""


rule attack:
    input:
        unpack(inputs("attack")),
    output:
        **outputs("attack"),
    log:
        log_of("attack", "{attack}/{source}"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=attack_minutes,
        mem_mb=attack_megabytes,
        batch=125,
    params:
        settings=settings("attack"),
    script:
        "../workflow/scripts/attack.py"
