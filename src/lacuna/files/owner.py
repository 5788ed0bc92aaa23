"""One owner per output: an exclusive file beside it says which process writes it, so that two never do.

The file ``.<output>.owner`` holds host, process and Slurm job as JSON. It is made and removed with the job; one that a
killed job left behind is recognised and removed by the next.
"""

import fcntl
import json
import os
import platform
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lacuna.errors import LacunaError
from lacuna.files.processes import State, myself, parsed, state_of

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
        for output in outputs:
            _claim(output)
            claimed.append(output)
            for name in (Path(output), Path(f"{output}.prov.json")):
                remove_leftovers(name)
        yield
    finally:
        for output in claimed:
            _release(output)


def temporary_name(output: Path, who: str) -> str:
    """The folder in which a writer prepares an output; ``*`` for ``who`` matches that of any."""
    return f".{output.stem}.{who}.tmp{output.suffix}"


def remove_leftovers(output: Path) -> None:
    """Removes what killed writers of an output left half-written."""
    for leftover in output.parent.glob(temporary_name(output, "*")):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:  # of versions that wrote a file
            leftover.unlink(missing_ok=True)


def confirm(output: Path | str) -> None:
    """Raises `LacunaError` where an output that this process owned has been given to another meanwhile."""
    mine = _held.get(str(output))
    if mine is not None and _content(owner_path(output)) != mine:
        raise LacunaError(f"{output} is written by another job now, since {owner_path(output)} was removed or replaced")


def _claim(output: str) -> None:
    """Makes the owner file, after removing one whose writer is gone and waiting for one that is ending."""
    path, limit = owner_path(output), time.monotonic() + PATIENCE
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = json.dumps(myself(), sort_keys=True)
    while not _create(path, mine):
        other = parsed(_content(path))
        state = "gone" if other is None else state_of(other)
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
        other = parsed(file.read())
        same = os.path.samestat(os.fstat(file.fileno()), path.stat())
        if same and (other is None or state_of(other) == "gone"):
            path.unlink()


def _content(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


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
