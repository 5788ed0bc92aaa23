"""One owner per output: an exclusive file beside the output says which process writes it, so that two never do.

The file ``.<output>.owner`` holds host, process and Slurm job as JSON. A job makes it first and removes it at its end.
Where a killed job left the file behind, the next job removes it. Where a job works on though its run was killed, the
next job ends it.
"""

import fcntl
import json
import os
import platform
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lacuna.errors import LacunaError
from lacuna.files.processes import ProcessState, is_orphan, parse_note, process_state, this_process

PATIENCE = 90.0  # seconds to wait for a cancelled job to end: Slurm gives it KillWait, 30 by default
PAUSE = 2.0  # seconds between two looks at it

_held: dict[str, str] = {}  # outputs that this process owns, with the content of their owner files


def owner_path(output: Path | str) -> Path:
    """The file that names the owner of an output."""
    return Path(output).with_name(f".{Path(output).name}.owner")


@contextmanager
def own_outputs(outputs: Iterable[str], say: Callable[[str], None]) -> Iterator[None]:
    """Makes this process the only writer of these outputs while the context is open.

    Half-written files of killed writers are removed, and a writer whose run was killed is ended; ``say`` reports that.
    Raises `LacunaError` where another process or Slurm job writes one of the outputs, or where that cannot be found
    out.
    """
    claimed: list[str] = []
    try:
        for output in outputs:
            _claim(output, say)
            claimed.append(output)
            for name in (Path(output), Path(f"{output}.prov.json")):
                remove_leftovers(name)
        yield
    finally:
        for output in claimed:
            _release(output)


def temporary_name(output: Path, who: str) -> str:
    """The name of the folder in which writer ``who`` prepares an output; ``*`` matches every writer."""
    return f".{output.stem}.{who}.tmp{output.suffix}"


def remove_leftovers(output: Path) -> None:
    """Removes the half-written files that killed writers of an output left behind."""
    for leftover in output.parent.glob(temporary_name(output, "*")):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:  # of versions that wrote a file
            leftover.unlink(missing_ok=True)


def confirm_ownership(output: Path | str) -> None:
    """Raises `LacunaError` where this process owned an output and another process owns it now."""
    mine = _held.get(str(output))
    if mine is not None and _content(owner_path(output)) != mine:
        raise LacunaError(f"{output} is written by another job now, since {owner_path(output)} was removed or replaced")


def _claim(output: str, say: Callable[[str], None]) -> None:
    """Makes the owner file. Removes that of a writer that is gone, ends an orphan, and waits for a writer that ends."""
    path, limit = owner_path(output), time.monotonic() + PATIENCE
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = json.dumps(this_process(), sort_keys=True)
    told: set[int] = set()
    while not _create(path, mine):
        other = parse_note(_content(path)) or {}
        state = process_state(other) if other else "gone"
        if state == "alive" and is_orphan(other) and _told_to_end(other["pid"], told, output, say):
            state = "ending"
        if state == "gone":
            _remove_stale(path)
        elif state == "alive" or time.monotonic() > limit:
            raise LacunaError(f"{output} is written by {_described(other, state, path)}")
        else:
            time.sleep(PAUSE)
    _held[output] = mine


def _told_to_end(pid: int, told: set[int], output: str, say: Callable[[str], None]) -> bool:
    """Asks a process once to end, as Slurm would; False where that is not allowed. Those in ``told`` were asked."""
    if pid not in told:
        try:
            os.kill(pid, signal.SIGTERM)
        except PermissionError:
            return False
        except ProcessLookupError:
            return True
        told.add(pid)
        say(f"process {pid} of a killed run still writes {output}; it is ended, and this job goes on from what it kept")
    return True


def _create(path: Path, content: str) -> bool:
    """Makes the file with its content in one step; False where it exists. A link is exclusive on network disks too."""
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
    """Removes the owner file of this process, but not that of another."""
    mine, path = _held.pop(output), owner_path(output)
    if _content(path) == mine:
        path.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    """Removes the owner file of a writer that is gone. Two processes at once never remove each other's new file."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        with suppress(OSError):  # on a disk without locks the rest is safe in all but rare cases
            fcntl.flock(file, fcntl.LOCK_EX)
        other = parse_note(file.read().decode(errors="replace"))
        same = os.path.samestat(os.fstat(file.fileno()), path.stat())
        if same and (other is None or process_state(other) == "gone"):
            path.unlink()


def _content(path: Path) -> str | None:
    if os.path.lexists(path) and not path.is_file():
        raise LacunaError(f"{path} is no file, and stands where a job names itself; remove it")
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return None


def _described(other: dict[str, Any], state: ProcessState, path: Path) -> str:
    """Who writes an output, and what the user can do about it."""
    job, pid, host = (other.get(key) for key in ("job", "pid", "host"))
    who = f"Slurm job {job}, process {pid} on {host}, since {other.get('since')}"
    if not job:
        who = who.partition(", ")[2]
    if state != "alive":
        return f"{who}, if that still runs, which cannot be found out from here; if it does not, remove {path}"
    end = f"scancel {job}" if job else f"kill {pid}"
    return f"{who}; wait for its end, or end it ({end}) and run again, which goes on from its last kept state"
