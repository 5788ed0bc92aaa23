"""train: one network from its name, one rule per architecture, so that the longest start first; adopt: a user's own."""

for ARCH in ARCHITECTURES:

    rule:
        name:
            f"train_{ARCH}"
        input:
            images=results("dataset", "train.safetensors"),
            tests=named(PLAN.history_tests, "dataset", "model"),
            foreground=named(PLAN.train_foreground, "dataset", "model"),
            code=code("train"),
        output:
            checkpoint=results("train", "{model}.safetensors"),
            provenance=results("train", "{model}.safetensors.prov.json"),
            history=results("train", "{model}.history.csv"),
            history_provenance=results("train", "{model}.history.csv.prov.json"),
        log:
            f"logs/{PLAN.config.scale}/{{dataset}}/train/{{model}}.log",
        wildcard_constraints:
            model=f"{ARCH}(x2)?-[a-z0-9.-]+",
        priority: int(1e6 / PLAN.config.settings["throughput"][ARCH])
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            runtime=train_minutes,
        params:
            settings=named(PLAN.train_settings, "dataset", "model"),
        script:
            "../workflow/scripts/train.py"


rule adopt:
    input:
        weights=named(PLAN.adopt_checkpoint, "model"),
        code=code("adopt"),
        own=named(PLAN.target_own_code, "model"),
    output:
        checkpoint=results("train", "{model}.safetensors"),
        provenance=results("train", "{model}.safetensors.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/adopt/{{model}}.log",
    wildcard_constraints:
        model="own-[a-z0-9.-]+",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=minutes(30),
    params:
        settings=named(PLAN.adopt_settings, "dataset", "model"),
    script:
        "../workflow/scripts/adopt.py"
