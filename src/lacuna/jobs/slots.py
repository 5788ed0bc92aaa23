"""A slot on a GPU for this process: the lock of a file, which ends with the process, however the process ends.

The files lie in one folder per machine and user, so that several runs and checkouts share the GPUs. ``<GPU>.<number>``
is locked by the process that has the slot, and says which it is. The file ``look`` is locked while somebody chooses.
"""

import fcntl
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from lacuna.errors import LacunaError
from lacuna.jobs.gpus import Gpu
from lacuna.jobs.progress import Say

PATIENCE, PAUSE = 60.0, 1.0  # seconds of waiting that are not worth a line, and between two looks

_open: list[IO[str] | int] = []  # what this process holds, to its end: CUDA lets go of memory no sooner


def take_slot(gpus: Sequence[Gpu], megabytes: int, log: str, say: Say) -> Gpu:
    """Waits for a slot on a GPU, and makes that GPU the only one that CUDA shows to this process from now on.

    To be called before CUDA is initialised. No GPU ever has more jobs than slots, and the jobs on it ask together for
    no more than its memory. A job that asks for more than any GPU has gets the largest one alone. Of several GPUs the
    one with the fewest jobs is taken. ``log`` tells others which job has the slot. ``say`` gets a line where the wait
    is long. Raises `LacunaError` where the folder of the locks is not this user's.
    """
    asked = min(megabytes, max(gpu.memory for gpu in gpus))
    folder, due = _folder(), time.monotonic() + PATIENCE
    note = {"pid": os.getpid(), "log": str(Path(log).absolute()), "megabytes": asked}
    while (found := _taken(folder, gpus, note)) is None:
        if time.monotonic() >= due:
            say(f"no GPU has room for this job, which waits until one of these ends: {_holders(folder, gpus)}")
            due = float("inf")
        time.sleep(PAUSE)
    os.environ["CUDA_VISIBLE_DEVICES"] = found.name
    return found


def _folder() -> Path:
    """The folder of the locks, which this user alone may write to."""
    folder = Path(tempfile.gettempdir()) / f"lacuna-{os.getuid()}" / "gpus"
    for one in (folder.parent, folder):
        with suppress(FileExistsError):
            one.mkdir(mode=0o700)
        found = one.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise LacunaError(f"{one} is no folder that this user alone may write to; remove it, or set TMPDIR")
        # Programs that tidy temporary files, such as systemd-tmpfiles, leave a locked folder alone.
        _open.append(os.open(one, os.O_RDONLY | os.O_CLOEXEC))
        fcntl.flock(_open[-1], fcntl.LOCK_SH)
    return folder


def _taken(folder: Path, gpus: Sequence[Gpu], note: dict[str, Any]) -> Gpu | None:
    """A GPU on which this process has a slot from now on, with its note there; None where none has room."""
    with _alone(folder / "look"):
        held = {gpu: _held(folder, gpu) for gpu in gpus}
        for gpu in sorted(gpus, key=lambda gpu: len(held[gpu])):  # of equals the first
            used = sum(int(note.get("megabytes", 0)) for note in held[gpu].values())
            if len(held[gpu]) < gpu.slots and used + note["megabytes"] <= gpu.memory:
                number = next(number for number in range(1, gpu.slots + 1) if number not in held[gpu])
                _hold(folder / f"{gpu.name}.{number}", note)
                return gpu
    return None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _held(folder: Path, gpu: Gpu) -> dict[int, dict[str, Any]]:
    """The slots of a GPU that processes hold, by number, with what each says of itself; also those of other runs."""
    found = {}
    for path in folder.glob(f"{gpu.name}.*"):
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found[int(path.suffix[1:])] = json.loads(file.read() or "{}")
    return found


def _hold(path: Path, note: dict[str, Any]) -> None:
    """Locks a slot that is free, and says who has it since when; until the end of this process."""
    file = path.open("a")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    file.truncate(0)
    file.write(json.dumps(note | {"since": time.time()}))
    file.flush()
    _open.append(file)


def _holders(folder: Path, gpus: Sequence[Gpu]) -> str:
    with _alone(folder / "look"):
        notes = [note for gpu in gpus for note in _held(folder, gpu).values()]
    return ", ".join(f"process {note.get('pid')} ({note.get('log')})" for note in notes)
