"""What every workflow script does around its one library call: a log, one owner per output, errors as one sentence."""

import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from lacuna.errors import LacunaError
from lacuna.files.owner import owned
from lacuna.jobs.failures import sentence
from lacuna.jobs.progress import Say, say_to_stderr

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

PROVENANCE = ".prov.json"


@contextmanager
def job(snakemake: "Snakemake") -> Iterator[Say]:
    """Runs a rule's script as the only writer of its outputs; yields the function that reports progress.

    A `LacunaError`, a full disk and their like end the job with one sentence on stderr and in the rule's log, an
    interrupt or SIGTERM with one line and nothing half-written; the traceback of any other error goes to the log too.
    """
    log = Path(snakemake.log[0])

    def say(line: str) -> None:
        say_to_stderr(line)
        _note(log, f"{line}\n")

    try:
        with _terminable(), owned(path for path in snakemake.output if not path.endswith(PROVENANCE)):
            _note(log, "", "w")  # only now: until here it may be another job's
            yield say
    except KeyboardInterrupt:
        say("interrupted; the same command goes on from what is kept")
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        known = (
            str(error) if isinstance(error, LacunaError) else sentence(error, snakemake.rule, str(snakemake.output[0]))
        )
        if known is None:
            _note(log, traceback.format_exc())
            raise
        say(f"error: {known}")
        sys.exit(1)


def _note(log: Path, text: str, mode: str = "a") -> None:
    """Adds to the log, unless the disk refuses: then the line on stderr has to do."""
    with suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open(mode, encoding="utf-8", errors="backslashreplace") as file:  # names of files may be no text
            file.write(text)


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
