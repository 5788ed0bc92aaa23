"""foreground: which pixels of a split's images are foreground, one file per split."""


rule foreground:
    input:
        images=results("dataset", "{split}.safetensors"),
        code=code("foreground"),
    output:
        foreground=results("foreground", "{split}.safetensors"),
        provenance=results("foreground", "{split}.safetensors.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/foreground/{{split}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=240,
        batch=50,
    params:
        settings=named(PLAN.foreground_settings, "dataset"),
    script:
        "../workflow/scripts/foreground.py"
