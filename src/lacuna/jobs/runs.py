"""The runs of the workflow in a checkout: what a killed one left behind no longer stands in the way of the next.

A run notes itself in a file while the workflow is read (`begin`), ends what killed ones left before its first job
(`settle`), and takes its note away at its end (`finish`). Whoever only looks does nothing of this.
"""

import atexit
import json
import os
import platform
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from lacuna.errors import LacunaError
from lacuna.files.processes import ProcessState, parse_note, process_state, this_process
from lacuna.jobs import orphans
from lacuna.jobs.orphans import NoAnswerError
from lacuna.jobs.progress import Say, say_to_stderr

OWN_LIMIT = (100, 1)  # jobs, seconds
PATIENCE, PAUSE = 86400.0, 10.0  # seconds that a run on Slurm waits for an answer, and between its questions
GROUP = "let its group write, or run where this folder can be (docs/operations.md, two users)"


def begin(folder: Path, say: Say = say_to_stderr) -> None:
    """Notes this run in ``folder`` (Snakemake's own), until it ends.

    Where every run noted there before was killed, removes the lock that Snakemake found no time to remove. Where
    another run is at work, leaves all as it is. Where that cannot be found out, as of one on another host, says how the
    user can tell. Raises `LacunaError` where this user may not write there.
    """
    _write(_mine(folder), this_process() | {"user": os.getuid()})
    atexit.register(_end, _mine(folder), os.getpid())
    states = {_state(path) for path in _others(folder)}
    locked = any((folder / "locks").glob("*.lock"))
    if locked and states == {"gone"}:
        _clear_lock(folder / "locks", say)
    elif locked and "alive" not in states:
        say("This folder is locked: if no other snakemake runs in it, `snakemake --unlock`, then the same command.")


def unlock(folder: Path) -> None:
    """Takes a user's word that no run is left whose end cannot be found out; Snakemake itself removes the lock.

    Raises `LacunaError` where a run is known to be at work.
    """
    for path in _others(folder):
        other = _read(path) or {}
        if other and process_state(other) == "alive":
            where = f"process {other.get('pid')} on {other.get('host')}, since {other.get('since')}"
            raise LacunaError(f"a run is at work here ({where}); end it, and the lock goes with it")
        _write(path, other | {"over": True})


def settle(folder: Path, patient: bool, say: Say = say_to_stderr) -> None:
    """Before the first job: cancels the Slurm jobs of killed runs, where no other run is or may be at work.

    From here on a run that is killed leaves its note. Where Slurm does not answer, a ``patient`` run waits for it, for
    a day at most; another one goes on, and leaves the matter to the next run.
    """
    _write(_mine(folder), this_process() | {"user": os.getuid()})
    atexit.unregister(_end)
    others = _others(folder)
    if not others or {_state(path) for path in others} != {"gone"}:
        return
    users = {int(note["user"]) for path in others if "user" in (note := _read(path) or {})}
    if _cancelled(users, "of the killed run, to go on from what they kept", PATIENCE if patient else 0, say):
        shutil.rmtree(folder / "slurm", ignore_errors=True)  # theirs
        for path in others:
            path.unlink(missing_ok=True)


def finish(folder: Path, submitted: bool = False, say: Say = say_to_stderr) -> None:
    """Takes the note of a run away that ends; of one that ``submitted`` jobs, once none is left in Slurm's queue."""
    alone = all(_state(path) == "gone" for path in _others(folder))
    if not submitted or not alone or _cancelled(set(), "that nobody waits for any more", 0, say):
        _end(_mine(folder), os.getpid())


def lift_rate_limit(scheduler: Any) -> None:
    """Takes Snakemake's own limit of 100 new jobs a second from its scheduler before it starts. A user's limit stays.

    With a limit, every look at the waiting jobs sets a timer for another look, and every job that ends begins such a
    chain (Snakemake 9.27). After two hundred jobs the main process does nothing else, and takes half a core.
    """
    limit = getattr(scheduler, "job_rate_limiter", None)
    if limit and (limit.max_jobs, limit.timespan) == OWN_LIMIT:
        scheduler.job_rate_limiter = None


def _cancelled(users: set[int], which: str, patience: float, say: Say) -> bool:
    """Whether no job submitted from here is left in the queue; asks for as long as ``patience`` says."""
    deadline, waiting = time.monotonic() + patience, False
    while True:
        try:
            if jobs := orphans.cancel(users):
                say(f"Cancelled {len(jobs)} Slurm jobs {which}: {' '.join(jobs)}")
            return True
        except NoAnswerError as error:
            why = f"Slurm does not answer ({error}), so jobs may be at work here that nobody waits for"
        if time.monotonic() >= deadline:
            if patience:
                raise LacunaError(f"{why}; it was asked for {patience / 3600:.0f} hours; the same command goes on")
            say(f"{why}; the next run asks again.")
            return False
        if not waiting:
            say(f"{why}; waiting for it.")
        waiting = True
        time.sleep(PAUSE)


def _mine(folder: Path) -> Path:
    return folder / "runs" / f"{platform.node()}.{os.getpid()}.json"


def _others(folder: Path) -> list[Path]:
    return [path for path in (folder / "runs").glob("*.json") if path != _mine(folder)]


def _end(note: Path, process: int) -> None:
    if os.getpid() == process:  # not in a fork
        with suppress(OSError):
            note.unlink(missing_ok=True)


def _write(note: Path, content: dict[str, Any]) -> None:
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(content))
    except OSError as error:
        raise LacunaError(f"{note} cannot be written ({error.strerror}); {GROUP}") from None


def _read(note: Path) -> dict[str, Any] | None:
    """What a note says: nothing where this user may not read it; None if it is damaged, or went away meanwhile."""
    try:
        return parse_note(note.read_text())
    except PermissionError:
        return {}
    except FileNotFoundError:
        return None


def _state(note: Path) -> ProcessState:
    """Whether the run of a note is still at work."""
    other = _read(note)
    return "gone" if other is None or other.get("over") else process_state(other)


def _clear_lock(locks: Path, say: Say) -> None:
    shutil.rmtree(locks, ignore_errors=True)
    if any(locks.glob("*.lock")):
        raise LacunaError(f"{locks}: the lock of a killed run cannot be removed; {GROUP}")
    locks.mkdir(exist_ok=True)
    say("The last run here was killed; its lock is removed, and this one goes on from what it kept.")
