"""One owner per output: an exclusive file beside it says which process writes it, so that two never do.

The file ``.<output>.owner`` holds host, process and Slurm job as JSON. It is made and removed with the job; one that a
killed job left behind is recognised and removed by the next.
"""

import fcntl
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from lacuna.errors import LacunaError

State = Literal["gone", "alive", "ending", "unknown"]
PATIENCE = 90.0  # seconds to wait for a cancelled job to end: Slurm gives it KillWait, 30 by default
PAUSE = 2.0  # seconds between two looks at it

_held: dict[str, str] = {}  # outputs that this process owns, with the content of their owner files


def owner_path(output: Path | str) -> Path:
    """Where the owner of an output stands."""
    return Path(output).with_name(f".{Path(output).name}.owner")


@contextmanager
def owned(outputs: Iterable[str]) -> Iterator[None]:
    """While it is open this process alone writes these outputs; what killed writers left half-written is removed.

    Raises `LacunaError` where another process or Slurm job writes one of them, or where that cannot be found out.
    """
    claimed: list[str] = []
    try:
        for output in sorted(outputs):
            _claim(output)
            claimed.append(output)
            for leftover in Path(output).parent.glob(temporary_name(Path(output), "*")):
                leftover.unlink(missing_ok=True)
        yield
    finally:
        for output in claimed:
            _release(output)


def temporary_name(output: Path, who: str) -> str:
    """The name under which a writer prepares an output; ``*`` for ``who`` matches that of any."""
    return f".{output.stem}.{who}.tmp{output.suffix}"


def confirm(output: Path | str) -> None:
    """Raises `LacunaError` where an output that this process owned has been given to another meanwhile."""
    mine = _held.get(str(output))
    if mine is not None and _content(owner_path(output)) != mine:
        raise LacunaError(f"{output} is written by another job now, since {owner_path(output)} was removed or replaced")


def _claim(output: str) -> None:
    """Makes the owner file, after removing one whose writer is gone and waiting for one that is ending."""
    path, limit = owner_path(output), time.monotonic() + PATIENCE
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = json.dumps(_myself(), sort_keys=True)
    while not _create(path, mine):
        other = _parsed(_content(path))
        state = "gone" if other is None else _state(other)
        if state == "gone":
            _remove_stale(path)
        elif state == "alive" or time.monotonic() > limit:
            raise LacunaError(f"{output} is written by {_described(other or {}, state, path)}")
        else:
            time.sleep(PAUSE)
    _held[output] = mine


def _create(path: Path, content: str) -> bool:
    """Makes the file with its content at once; False where there is one. A link is exclusive on network disks too."""
    draft = path.with_name(f"{path.name}.{platform.node()}.{os.getpid()}")
    try:
        draft.write_text(content)
        os.link(draft, path)
        return True
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)


def _release(output: str) -> None:
    """Removes this process's own file, and no other's."""
    mine, path = _held.pop(output), owner_path(output)
    if _content(path) == mine:
        path.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    """Removes the file of a writer that is gone. Of two that do so at once, neither removes what the other made."""
    with suppress(FileNotFoundError), path.open() as file:
        with suppress(OSError):  # a disk without locks, where what follows is all but safe
            fcntl.flock(file, fcntl.LOCK_EX)
        other = _parsed(file.read())
        same = os.path.samestat(os.fstat(file.fileno()), path.stat())
        if same and (other is None or _state(other) == "gone"):
            path.unlink()


def _content(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _parsed(content: str | None) -> dict[str, Any] | None:
    """What an owner file says; None for one that is gone or damaged, which no living writer's is."""
    try:
        parsed = json.loads(content or "")
        return parsed if isinstance(parsed, dict) else None
    except ValueError:
        return None


def _myself() -> dict[str, Any]:
    return {
        "host": platform.node(),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "space": _link("/proc/self/ns/pid"),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
        "job": os.environ.get("SLURM_JOB_ID", ""),
        "since": time.strftime("%d %b %H:%M"),
    }


def _state(other: dict[str, Any]) -> State:
    """Whether a writer is still there: on this host by its process, on another by its Slurm job."""
    me, job = _myself(), str(other.get("job", ""))
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


def _described(other: dict[str, Any], state: State, path: Path) -> str:
    """Who writes an output, and what to do about it."""
    job, pid, host = (other.get(key) for key in ("job", "pid", "host"))
    who = f"Slurm job {job}, process {pid} on {host}, since {other.get('since')}"
    if not job:
        who = who.partition(", ")[2]
    if state != "alive":
        return f"{who}, if that still runs, which cannot be found out from here; if it does not, remove {path}"
    end = f"scancel {job}" if job else f"kill {pid}"
    return f"{who}; wait for its end, or end it ({end}) and run again, which goes on from its last kept state"


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
