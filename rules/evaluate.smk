"""evaluate: what one target says about the clean test set and about every adversarial set of a suite."""


rule evaluate:
    input:
        images=results("dataset", "test.safetensors"),
        checkpoints=named(PLAN.checkpoints, "dataset", "target"),
        adversarial=named(PLAN.suite_sets, "dataset", "suite", "target"),
        code=code("evaluate"),
        own=named(PLAN.target_own_code, "target"),
    output:
        outcomes=results("evaluate", "{suite}/{target}.parquet"),
        provenance=results("evaluate", "{suite}/{target}.parquet.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/evaluate/{{suite}}/{{target}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=evaluate_minutes,
        batch=500,
    params:
        settings=named(PLAN.evaluate_settings, "dataset", "suite", "target"),
    script:
        "../workflow/scripts/evaluate.py"
