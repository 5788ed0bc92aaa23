"""evaluate: what one target says about the clean test set and about every adversarial set of a suite."""


rule evaluate:
    input:
        images=results("dataset", "test.safetensors"),
        checkpoint=results("train", "{model}.safetensors"),
        adversarial=named(PLAN.suite_sets, "dataset", "suite"),
        code=code("evaluate"),
    output:
        outcomes=results("evaluate", "{suite}/{model}.parquet"),
        provenance=results("evaluate", "{suite}/{model}.parquet.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/evaluate/{{suite}}/{{model}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
        batch=500,
    params:
        settings=named(PLAN.evaluate_settings, "dataset", "suite", "model"),
    script:
        "../workflow/scripts/evaluate.py"
