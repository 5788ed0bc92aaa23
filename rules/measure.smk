"""measure: how the images of one adversarial set look beside the clean ones. No network."""


rule measure:
    input:
        images=results("dataset", "test.safetensors"),
        adversarial=results("attack", "{attack}/{source}.safetensors"),
        foreground=named(PLAN.measure_foreground, "dataset", "attack"),
        code=code("measure"),
    output:
        measures=results("measure", "{attack}/{source}.parquet"),
        provenance=results("measure", "{attack}/{source}.parquet.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/measure/{{attack}}/{{source}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=120,
    params:
        settings=named(PLAN.measure_settings, "dataset", "attack"),
    script:
        "../workflow/scripts/measure.py"
