"""select: which test images are attacked, from the clean predictions of the sources."""


def select_networks(wildcards):
    """Checkpoints of the networks that decide a selection."""
    return checkpoints(wildcards, PLAN.selection_sources(wildcards.selection))


rule select:
    input:
        images=results("dataset", "test.safetensors"),
        checkpoints=select_networks,
        code=code("select"),
    output:
        selection=results("select", "{selection}.csv"),
        provenance=results("select", "{selection}.csv.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/select/{{selection}}.log",
    params:
        settings=named(PLAN.select_settings, "dataset", "selection"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=8000,
        runtime=60,
        batch=500,
    script:
        "../workflow/scripts/select.py"
