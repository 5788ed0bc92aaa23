"""exports: a trained network for others, as safetensors and ONNX with a loader and a model card (docs/models.md)."""

from lacuna.plan import exported


def exported_files(**wildcards):
    """What a network's folder is made from."""
    named = dict(
        zip(("dataset", "model"), exported.find_export(PLAN, **wildcards), strict=True)
    )
    return {
        "checkpoint": PLAN.paths.of("train", "checkpoint", **named),
        "images": PLAN.paths.of("dataset", "test", dataset=named["dataset"]),
    }


def exported_about(**wildcards):
    """What its model card says besides numbers."""
    return exported.about(PLAN, *exported.find_export(PLAN, **wildcards))


for RULE, PLACE in exported.PLACES.items():

    rule:
        name:
            RULE
        input:
            unpack(asked(exported_files)),
        output:
            folder=directory(PLACE),
        log:
            f"logs/{PLACE}.log",
            **exported.notes(PLAN.config.scale, PLACE),
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            runtime=minutes(120),
            batch=500,
        params:
            about=asked(exported_about),
        script:
            "../workflow/scripts/exports.py"
