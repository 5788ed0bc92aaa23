"""dataset: the official files of a dataset as verified tensors, one file per split."""


rule dataset:
    input:
        source=named(PLAN.dataset_files, "dataset"),
        code=code("dataset"),
    output:
        train=results("dataset", "train.safetensors"),
        train_provenance=results("dataset", "train.safetensors.prov.json"),
        test=results("dataset", "test.safetensors"),
        test_provenance=results("dataset", "test.safetensors.prov.json"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/dataset.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=minutes(60),
    params:
        settings=named(PLAN.dataset_settings, "dataset"),
    script:
        "../workflow/scripts/dataset.py"
