"""``python -m lacuna.versioning.experiments`` refuses `dvc exp run`, which would schedule in place of Snakemake."""

import os

from lacuna.errors import LacunaError
from lacuna.jobs.commands import command

NAME = "DVC_EXP_NAME"  # `dvc exp run` gives it to the commands of stages, `dvc repro` does not (dvc/env.py)


def refuse_experiments() -> None:
    """Raises `LacunaError` in a command that `dvc exp run` calls."""
    if os.environ.get(NAME):
        raise LacunaError(
            "`dvc exp run` does nothing here, since Snakemake alone schedules: edit config/, call `dvc repro table3`, "
            "commit, and compare commits with `dvc metrics diff` and `dvc params diff`"
        )


if __name__ == "__main__":
    with command():
        refuse_experiments()
