"""Interrupts of a run on this machine: its jobs end with it, whoever sent the signal."""

import os
import signal
from contextlib import suppress
from types import FrameType

import psutil


def pass_on_to_jobs() -> None:
    """Makes an interrupt that this process alone gets, as from ``kill -INT``, one of all its jobs.

    Ctrl-C in a terminal reaches the jobs anyway, and they pass over what comes after the first (`lacuna.jobs.job`).
    Without this Snakemake waits for them, for hours where they train. A handler of somebody else's stays.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        _interrupt_children(os.getpid())
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        with suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, interrupt)


def _interrupt_children(process: int) -> None:
    with suppress(psutil.Error):
        for child in psutil.Process(process).children(recursive=True):
            with suppress(psutil.Error):
                child.send_signal(signal.SIGINT)
