"""What every workflow script does around its one library call: a log, and errors as one sentence."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lacuna.errors import LacunaError
from lacuna.progress import Say, say_to_stderr

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake


@contextmanager
def job(snakemake: "Snakemake") -> Iterator[Say]:
    """Runs a rule's script; yields the function that reports progress.

    A `LacunaError` ends the job with one sentence on stderr and in the rule's log; the traceback of any other error
    goes to the log too.
    """
    log = Path(snakemake.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8", errors="backslashreplace") as file:  # file names may be no text

        def say(line: str) -> None:
            say_to_stderr(line)
            print(line, file=file, flush=True)

        try:
            yield say
        except LacunaError as error:
            say(f"error: {error}")
            sys.exit(1)
        except Exception:
            traceback.print_exc(file=file)
            raise
