"""What surrounds the library call of every workflow script: a log, an owner per output, errors as one sentence."""

import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from lacuna.errors import LacunaError, TimeIsUp, without_controls
from lacuna.files.owner import own_outputs
from lacuna.jobs.failures import failure_sentence
from lacuna.jobs.gpus import known_gpus
from lacuna.jobs.kept import let_go
from lacuna.jobs.progress import Say, say_to_stderr
from lacuna.jobs.requeue import requeue
from lacuna.jobs.slots import take_slot

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

PROVENANCE = ".prov.json"


@contextmanager
def job(snakemake: "Snakemake") -> Iterator[Say]:
    """Runs a rule's script as the only writer of its outputs; yields the function that reports progress.

    A `LacunaError`, a full disk and their like end the job with one sentence, on stderr and in the rule's log. An
    interrupt or SIGTERM ends it with one line. A Slurm job whose time ends is queued again. Nothing half-written stays.
    Any other error's traceback goes to the log.
    """
    log = Path(snakemake.log[0])

    def say(line: str) -> None:
        say_to_stderr(line)
        _note(log, f"{without_controls(line)}\n")

    artefacts = [path for path in snakemake.output if not path.endswith(PROVENANCE)]
    try:
        with _terminable(), own_outputs(artefacts, say_to_stderr):
            _note(log, "", "w")  # only now: until here it may be another job's
            _take_slot(getattr(snakemake, "resources", None), log, say)
            yield say
            let_go(snakemake.output)
    except TimeIsUp:
        requeue(say)
    except KeyboardInterrupt:
        say("interrupted; the same command goes on from what is kept")
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        first = next(iter(snakemake.output), log)  # the audit has no outputs
        machine = failure_sentence(error, snakemake.rule, str(first))
        known = str(error) if isinstance(error, LacunaError) else machine
        if known is None:
            _note(log, traceback.format_exc())
            raise
        say(f"error: {known}")
        sys.exit(1)


def _take_slot(resources: object, log: Path, say: Say) -> None:
    """Waits for a slot on a GPU where the profile gives this job one; else does nothing."""
    if getattr(resources, "gpu_slots", 0):
        gpu = take_slot(known_gpus(), getattr(resources, "mem_mb", 0), str(log), say)
        say(f"on GPU {gpu.name}, with {gpu.slots - 1} other jobs at most")


def _note(log: Path, text: str, mode: str = "a") -> None:
    """Adds to the log. Where the disk refuses, the line on stderr is enough."""
    with suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open(mode, encoding="utf-8", errors="backslashreplace") as file:  # names of files may be no text
            file.write(text)


@contextmanager
def _terminable() -> Iterator[None]:
    """Makes SIGTERM, with which Slurm ends jobs, an interrupt: contexts are closed, then the process ends.

    What comes after the first signal is passed over up to the end of the process: it would stop the closing of
    contexts, or end in a traceback.
    """

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        for one in before:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    for one in before:
        signal.signal(one, interrupt)
    try:
        yield
    finally:
        for one, handler in before.items():
            if signal.getsignal(one) is interrupt:
                signal.signal(one, handler)
