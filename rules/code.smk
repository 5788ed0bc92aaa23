"""code: the digests of the code that decides numbers, one file per stage, attack method and architecture.

They are the jobs' input of code. Content decides: an edit of a module reruns what is made with it, a touch nothing.
"""

for PART in PLAN.code.values():

    rule:
        name:
            f"code_{PART.name}"
        input:
            [local(file) for file in PART.files(ROOT)],
        output:
            digests=PART.digests,
        log:
            f"logs/code/{PART.name}.log",
        localrule: True
        conda:
            ENVIRONMENT
        script:
            "../workflow/scripts/code.py"
