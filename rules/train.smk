"""train: one network from its name. One rule per architecture, so that the longest trainings start first."""

for ARCH in ARCHITECTURES:

    rule:
        name:
            f"train_{ARCH}"
        input:
            images=results("dataset", "train.safetensors"),
            code=code("train"),
        output:
            checkpoint=results("train", "{model}.safetensors"),
            provenance=results("train", "{model}.safetensors.prov.json"),
        log:
            f"logs/{PLAN.config.scale}/{{dataset}}/train/{{model}}.log",
        wildcard_constraints:
            model=f"{ARCH}(x2)?-[a-z0-9.-]+",
        priority: PLAN.config.settings["seconds"][ARCH]
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=8000,
            runtime=train_minutes,
        params:
            settings=named(PLAN.train_settings, "dataset", "model"),
        script:
            "../workflow/scripts/train.py"
