"""select: which test images are attacked, from the clean predictions of the sources."""


rule select:
    input:
        images=results("dataset", "test.safetensors"),
        checkpoints=named(PLAN.select_checkpoints, "dataset", "selection"),
        code=code("select"),
    output:
        selection=results("select", "{selection}.csv"),
        provenance=results("select", "{selection}.csv.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/select/{{selection}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=minutes(60),
        batch=500,
    params:
        settings=named(PLAN.select_settings, "dataset", "selection"),
    script:
        "../workflow/scripts/select.py"
