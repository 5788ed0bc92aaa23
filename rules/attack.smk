"""attack: the adversarial set of one attack (its whole grid of budgets) on one source."""


def attack_selection(wildcards):
    """The selection that the attack runs on."""
    selection = PLAN.selection_of(wildcards.attack, wildcards.source)
    return PLAN.path(wildcards.dataset, "select", f"{selection}.csv")


rule attack:
    input:
        images=results("dataset", "test.safetensors"),
        checkpoint=results("train", "{source}.safetensors"),
        selection=attack_selection,
        code=code("attack"),
    output:
        adversarial=results("attack", "{attack}/{source}.safetensors"),
        provenance=results("attack", "{attack}/{source}.safetensors.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/attack/{{attack}}/{{source}}.log",
    params:
        settings=named(PLAN.attack_settings, "dataset", "attack", "source"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=8000,
        runtime=120,
        batch=125,
    script:
        "../workflow/scripts/attack.py"
