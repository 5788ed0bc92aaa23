"""A folder of a run on Slurm, in which the programs of slurm/bin note what the executor would keep to itself.

slurm/controller.sh says what stands in it.
"""

import contextlib
import os
import platform
import shutil
import signal
import threading
import time
from pathlib import Path
from types import FrameType

from lacuna.files.slurm import RUN
from lacuna.jobs.progress import Say, say_to_stderr

PATIENCE, STEP = 15.0, 2.0  # seconds without an answer that are not worth a line, and between two looks


def watch(folder: Path, say: Say = say_to_stderr) -> None:
    """Makes the folder below ``folder`` (Snakemake's own), and says what is noted there from now on.

    Once the run is interrupted, nothing more is submitted, though the executor goes on with what it had begun.
    """
    mine = (folder / "slurm" / f"{platform.node()}.{os.getpid()}").resolve()
    mine.mkdir(parents=True, exist_ok=True)
    os.environ[RUN] = str(mine)

    def interrupt(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):
            (mine / "stop").touch()
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGINT, interrupt)
    threading.Thread(target=_repeat, args=(mine / "away", say), daemon=True).start()


def leave(folder: Path) -> None:
    """Removes the run's folder."""
    mine = os.environ.pop(RUN, "")
    if mine and Path(mine).is_relative_to(folder.resolve()):
        shutil.rmtree(mine, ignore_errors=True)


def _repeat(note: Path, say: Say) -> None:
    """Says once what a note says that nobody answers, and that somebody does when it is gone."""
    said = False
    while note.parent.exists():
        since, _, text = _read(note).partition(" ")
        if not text:
            if said:
                say("Slurm answers again.")
            said = False
        elif not said and time.time() - float(since) >= PATIENCE:
            say(text.strip())
            said = True
        time.sleep(STEP)


def _read(note: Path) -> str:
    with contextlib.suppress(OSError):
        return note.read_text()
    return ""
