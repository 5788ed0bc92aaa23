"""attack: the adversarial set of one attack (its whole grid of budgets) on one source."""


rule attack:
    input:
        images=results("dataset", "test.safetensors"),
        checkpoints=named(PLAN.checkpoints, "dataset", "source"),
        selection=named(PLAN.attack_selection, "dataset", "attack", "source"),
        like=named(PLAN.attack_like, "dataset", "attack", "source"),
        foreground=named(PLAN.attack_foreground, "dataset", "attack"),
        code=code("attack"),
        own=named(PLAN.attack_own_code, "attack", "source"),
    output:
        adversarial=results("attack", "{attack}/{source}.safetensors"),
        provenance=results("attack", "{attack}/{source}.safetensors.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/attack/{{attack}}/{{source}}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=attack_minutes,
        mem_mb=attack_megabytes,
        batch=125,
    params:
        settings=named(PLAN.attack_settings, "dataset", "attack", "source"),
    script:
        "../workflow/scripts/attack.py"
