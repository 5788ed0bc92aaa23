"""evaluate: what one target says about the clean test set and about every adversarial set of a suite."""


def suite_sets(wildcards):
    """The adversarial sets of a suite."""
    sets = PLAN.suite_sources(wildcards.suite)
    return [PLAN.path(wildcards.dataset, "attack", f"{attack}/{source}.safetensors") for attack, source in sets]


rule evaluate:
    input:
        images=results("dataset", "test.safetensors"),
        checkpoint=results("train", "{model}.safetensors"),
        adversarial=suite_sets,
        code=code("evaluate"),
    output:
        outcomes=results("evaluate", "{suite}/{model}.parquet"),
        provenance=results("evaluate", "{suite}/{model}.parquet.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/evaluate/{{suite}}/{{model}}.log",
    params:
        settings=named(PLAN.evaluate_settings, "dataset", "suite", "model"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
        batch=500,
    script:
        "../workflow/scripts/evaluate.py"
