"""export: an adversarial set for other tools, as .npz and as a folder of PNG files."""


rule export:
    input:
        unpack(inputs("export")),
    output:
        npz=outputs("export")["npz"],
        png=directory(outputs("export")["png"]),
    log:
        log_of("export", "{attack}/{source}"),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        runtime=minutes(30),
    script:
        "../workflow/scripts/export.py"
