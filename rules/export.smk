"""export: an adversarial set for other tools, as .npz and as a folder of PNG files."""


rule export:
    input:
        adversarial=results("attack", "{attack}/{source}.safetensors"),
        code=code("export"),
    output:
        npz=results("export", "{attack}/{source}.npz"),
        png=directory(results("export", "{attack}/{source}")),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/export/{{attack}}/{{source}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=minutes(30),
    script:
        "../workflow/scripts/export.py"
