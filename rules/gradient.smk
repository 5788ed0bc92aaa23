"""gradient: measures of one network's loss gradient on every clean test image."""


rule gradient:
    input:
        images=results("dataset", "test.safetensors"),
        checkpoints=named(PLAN.checkpoints, "dataset", "target"),
        foreground=named(PLAN.gradient_foreground, "dataset"),
        code=code("gradient"),
        own=named(PLAN.target_own_code, "target"),
    output:
        measures=results("gradient", "loss/{target}.parquet"),
        provenance=results("gradient", "loss/{target}.parquet.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/gradient/{{target}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=minutes(60),
        batch=100,
    params:
        settings=named(PLAN.gradient_settings, "dataset", "target"),
    script:
        "../workflow/scripts/gradient.py"
