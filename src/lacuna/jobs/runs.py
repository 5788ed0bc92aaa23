"""The runs of the workflow in a checkout: removes what a killed run left in the way of the next one."""

import atexit
import json
import os
import platform
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from lacuna.errors import LacunaError
from lacuna.files.processes import ProcessState, parse_note, process_state, this_process
from lacuna.jobs.progress import Say, say_to_stderr

OWN_LIMIT = (100, 1)  # jobs, seconds
UNIQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # in the names of all jobs that Snakemake submits


def begin_run(folder: Path, unlock: bool = False, say: Say = say_to_stderr) -> None:
    """Notes this run in ``folder``, which is Snakemake's own, until the run ends.

    * Where all runs noted before were killed, removes the lock that Snakemake had no time to remove, and cancels the
      Slurm jobs that no run waits for any more.
    * Where another run is at work, changes nothing.
    * Where that cannot be found out, as of a run on another host, says what the user can do. ``unlock`` means that no
      other run is left.

    Raises `LacunaError` where nothing can be written.
    """
    notes = folder / "runs"
    mine = notes / f"{platform.node()}.{os.getpid()}.json"
    try:
        notes.mkdir(parents=True, exist_ok=True)
        mine.write_text(json.dumps(this_process()))
    except OSError as error:
        raise LacunaError(f"{mine} cannot be written ({error.strerror}); run where this folder can be") from None
    atexit.register(_end, mine, os.getpid())
    others = [path for path in notes.glob("*.json") if path != mine]
    states = {_state(path) for path in others}
    if states and (unlock or states == {"gone"}):
        _clear_lock(folder / "locks", say)
        _cancel_orphans(say)
        for path in others:
            path.unlink(missing_ok=True)
    elif "alive" not in states and not unlock and any((folder / "locks").glob("*.lock")):
        say("This folder is locked: if no other snakemake runs in it, `snakemake --unlock`, then the same command.")


def lift_rate_limit(scheduler: Any) -> None:
    """Takes Snakemake's own limit of 100 new jobs a second from its scheduler before it starts. A user's limit stays.

    With a limit, every look at the waiting jobs sets a timer for another look, and every job that ends begins such a
    chain (Snakemake 9.27). After two hundred jobs the main process does nothing else, and takes half a core.
    """
    limit = getattr(scheduler, "job_rate_limiter", None)
    if limit and (limit.max_jobs, limit.timespan) == OWN_LIMIT:
        scheduler.job_rate_limiter = None


def _end(note: Path, process: int) -> None:
    if os.getpid() == process:  # not in a fork
        note.unlink(missing_ok=True)


def _state(note: Path) -> ProcessState:
    """Whether the run that a note names is still at work."""
    with suppress(FileNotFoundError):
        other = parse_note(note.read_text())
        return "gone" if other is None else process_state(other)
    return "gone"


def _clear_lock(locks: Path, say: Say) -> None:
    if any(locks.glob("*.lock")):
        shutil.rmtree(locks, ignore_errors=True)
        locks.mkdir(exist_ok=True)
        say("The last run here was killed; its lock is removed, and this one goes on from what it kept.")


def _cancel_orphans(say: Say) -> None:
    """Cancels the jobs that a killed run submitted from this folder; the next run's jobs would write the same files."""
    with suppress(OSError, subprocess.SubprocessError):
        asked = ["squeue", "--me", "--noheader", "--array", "--format=%i|%j|%Z"]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True).stdout
        lines = [line.split("|") for line in said.splitlines() if line.count("|") == 2]
        orphans = [job for job, name, folder in lines if UNIQUE.search(name) and Path(folder) == Path.cwd()]
        if orphans:
            subprocess.run(["scancel", *orphans], capture_output=True, timeout=60, check=True)
            what = f"{len(orphans)} Slurm jobs of the killed run, to go on from what they kept: {' '.join(orphans)}"
            say(f"Cancelled {what}")
