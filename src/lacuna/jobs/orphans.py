"""Slurm jobs that a run submitted from this folder and that nobody waits for any more."""

import os
import pwd
import re
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lacuna.errors import LacunaError

UNIQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # in the names of all jobs that Snakemake submits
AT_ONCE = 100  # jobs that one scancel is given


class NoAnswerError(Exception):
    """Slurm is installed here, and does not answer."""


def cancel(users: Iterable[int]) -> list[str]:
    """Cancels this user's jobs that a run submitted from here, and gives their numbers.

    ``users`` are the numbers of all users whose runs were killed here. Raises `LacunaError` where jobs of another one
    are in the queue, which only that user can cancel, and `NoAnswerError` where Slurm does not answer.
    """
    me = os.getuid()
    jobs = _queued({*users, me})
    for other in sorted({user for _, user in jobs} - {me}):
        theirs = " ".join(job for job, user in jobs if user == other)
        whose = f"jobs of a killed run of {_name(other)} are in Slurm's queue and write here"
        raise LacunaError(f"{whose}; only {_name(other)} can end them: scancel {theirs}")
    mine = [job for job, _ in jobs]
    for first in range(0, len(mine), AT_ONCE):
        _cancel(mine[first : first + AT_ONCE])
    return mine


def _queued(users: Iterable[int]) -> list[tuple[str, int]]:
    """Jobs in the queue that Snakemake submitted from this folder, each with its user's number."""
    who = ",".join(str(user) for user in sorted(users))
    said = _ask("squeue", "--noheader", "--array", f"--user={who}", "--format=%i|%U|%t|%j|%Z")
    lines = [line.split("|", 4) for line in said.splitlines() if line.count("|") >= 4]
    ours = (line for line in lines if UNIQUE.search(line[3]) and Path(line[4]) == Path.cwd())
    return [(job, int(user)) for job, user, state, _, _ in ours if state != "CG"]  # completing: it has ended


def _cancel(jobs: list[str]) -> None:
    """Cancels jobs, some of which may end meanwhile."""
    with suppress(subprocess.CalledProcessError):
        _call("scancel", *jobs)
        return
    if left := {job for job, _ in _queued([os.getuid()])} & {*jobs}:
        raise NoAnswerError(f"{len(left)} jobs cannot be cancelled")


def _ask(*command: str) -> str:
    try:
        return _call(*command)
    except subprocess.CalledProcessError as error:
        raise NoAnswerError((error.stderr or "").strip()) from None


def _call(*command: str) -> str:
    """What one of Slurm's programs says; nothing where Slurm is not installed."""
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("SQUEUE_")
    }  # a user's filters
    try:
        how = {"capture_output": True, "text": True, "timeout": 60, "check": True}
        return subprocess.run(command, env=variables, **how).stdout  # type: ignore[call-overload]
    except subprocess.TimeoutExpired:
        raise NoAnswerError("no answer within a minute") from None
    except OSError:
        return ""


def _name(user: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(user).pw_name
    return f"user {user}"
