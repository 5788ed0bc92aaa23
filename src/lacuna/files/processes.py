"""Notes in files that name a process or Slurm job, and whether that, and the run that started it, is still there."""

import json
import os
import platform
import re
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from lacuna.files.slurm import QueueState, queue_state

ProcessState = QueueState


def parse_note(content: str | None) -> dict[str, Any] | None:
    """What a note says; None for a note that is gone or damaged. The note of a living process is neither."""
    try:
        note = json.loads(content or "")
    except (ValueError, RecursionError):
        return None
    whole = isinstance(note, dict) and type(note.get("pid")) is int and isinstance(note.get("host"), str)
    return note if whole else None


def this_process() -> dict[str, Any]:
    """This process: host, boot, namespace of processes, number, start, run, Slurm job (empty outside), and the time."""
    return {
        "host": platform.node(),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "space": _link("/proc/self/ns/pid"),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "run": _run(),
        "job": os.environ.get("SLURM_JOB_ID", ""),
        "since": time.strftime("%d %b %H:%M"),
    }


def process_state(other: dict[str, Any]) -> ProcessState:
    """Whether ``other``, a note of `this_process`, names a process that is still there.

    On this host its number and start tell, on another host its Slurm job.
    """
    me, job = this_process(), str(other.get("job", ""))
    if other.get("host") == me["host"]:
        if other.get("boot") != me["boot"]:
            return "gone"
        if other.get("space") == me["space"]:
            return "alive" if _is_there(other) else "gone"
    if job and job == me["job"]:
        return "gone"  # this very job, before it was requeued
    return queue_state(job) if re.fullmatch(r"[0-9_]+", job) else "unknown"


def is_orphan(other: dict[str, Any]) -> bool:
    """Whether ``other``, a process on this host that is there, was started by a run of Snakemake that is gone."""
    me, run = this_process(), other.get("run")
    here = all(other.get(key) == me[key] for key in ("host", "boot", "space"))
    return here and isinstance(run, dict) and isinstance(run.get("pid"), int) and not _is_there(run)


@cache
def _run() -> dict[str, Any]:
    """Number and start of the Snakemake process that this process belongs to; empty outside a run."""
    with suppress(psutil.Error):
        for parent in psutil.Process().parents():
            if any(Path(word).name == "snakemake" for word in parent.cmdline()[:4]):
                return {"pid": parent.pid, "started": _started(parent.pid)}
    return {}


def _is_there(note: dict[str, Any]) -> bool:
    """Whether the process with the number and the start of a note is there."""
    pid, started = note.get("pid"), note.get("started")
    return isinstance(pid, int) and bool(started) and _started(pid) == started


def _started(pid: int) -> str:
    """When a process started, which tells it from a later one of the same number; empty where there is none."""
    stat = _read(f"/proc/{pid}/stat")
    if stat:
        fields = stat.rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]  # a zombie writes no more
    if Path("/proc/self/stat").exists():
        return ""
    with suppress(OSError):  # systems without /proc
        os.kill(pid, 0)
        return "alive"
    return ""


def _read(name: str) -> str:
    with suppress(OSError):
        return Path(name).read_text().strip()
    return ""


def _link(name: str) -> str:
    with suppress(OSError):
        return os.readlink(name)
    return ""
