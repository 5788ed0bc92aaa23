"""dataset: the official files of a dataset as verified tensors, one file per split."""


rule dataset:
    input:
        unpack(inputs("dataset")),
    output:
        **outputs("dataset"),
    log:
        f"logs/{PLAN.config.scale}/{{dataset}}/dataset.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=dataset_minutes,
    params:
        settings=settings("dataset"),
    script:
        "../workflow/scripts/dataset.py"
