"""What every workflow script does around its one library call: a log, one owner per output, errors as one sentence."""

import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from lacuna.errors import LacunaError
from lacuna.owner import owned
from lacuna.progress import Say, say_to_stderr

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

PROVENANCE = ".prov.json"


@contextmanager
def job(snakemake: "Snakemake") -> Iterator[Say]:
    """Runs a rule's script as the only writer of its outputs; yields the function that reports progress.

    A `LacunaError` ends the job with one sentence on stderr and in the rule's log, an interrupt or SIGTERM with one
    line and nothing half-written; the traceback of any other error goes to the log too.
    """
    log = Path(snakemake.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8", errors="backslashreplace") as file:  # file names may be no text

        def say(line: str) -> None:
            say_to_stderr(line)
            print(line, file=file, flush=True)

        try:
            with _terminable(), owned(path for path in snakemake.output if not path.endswith(PROVENANCE)):
                file.truncate(0)  # only now: until here it may be another job's
                yield say
        except LacunaError as error:
            say(f"error: {error}")
            sys.exit(1)
        except KeyboardInterrupt:
            say("interrupted; the same command goes on from what is kept")
            sys.exit(128 + signal.SIGINT)
        except Exception:
            traceback.print_exc(file=file)
            raise


@contextmanager
def _terminable() -> Iterator[None]:
    """Makes SIGTERM, with which Slurm ends jobs, an interrupt: what is open is closed, then the process ends."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
