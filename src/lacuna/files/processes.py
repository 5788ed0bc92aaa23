"""Which process or Slurm job a note in a file speaks of, and whether it is still there."""

import json
import os
import platform
import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

State = Literal["gone", "alive", "ending", "unknown"]


def parsed(content: str | None) -> dict[str, Any] | None:
    """What a note says; None for one that is gone or damaged, which that of a living process never is."""
    try:
        parsed = json.loads(content or "")
        return parsed if isinstance(parsed, dict) else None
    except ValueError:
        return None


def myself() -> dict[str, Any]:
    """This process: host, its boot and process namespace, number and start, Slurm job (empty outside), and the time."""
    return {
        "host": platform.node(),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "space": _link("/proc/self/ns/pid"),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "job": os.environ.get("SLURM_JOB_ID", ""),
        "since": time.strftime("%d %b %H:%M"),
    }


def state_of(other: dict[str, Any]) -> State:
    """Whether a process noted by `myself` is still there: on this host by its number, on another by its Slurm job."""
    me, job = myself(), str(other.get("job", ""))
    if other.get("host") == me["host"]:
        if other.get("boot") != me["boot"]:
            return "gone"
        if other.get("space") == me["space"]:
            return "alive" if _started(int(other.get("pid", 0))) == other.get("started") else "gone"
    if job and job == me["job"]:
        return "gone"  # this very job, before it was requeued
    return _queued(job) if re.fullmatch(r"[0-9_]+", job) else "unknown"


def _queued(job: str) -> State:
    """What Slurm's queue says of a job; finished ones are not in it."""
    try:
        asked = ["squeue", "--noheader", "--format=%T", f"--jobs={job}"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    if done.returncode != 0:
        return "gone" if "Invalid job id" in done.stderr else "unknown"
    states = set(done.stdout.split())
    return "gone" if not states else "ending" if states == {"COMPLETING"} else "alive"


def _started(pid: int) -> str:
    """What tells a process from a later one of the same number; empty for one that does not exist."""
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
