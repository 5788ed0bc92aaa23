"""Files of digests: what the modules of a stage were when a run was planned, as sha256sum writes and checks them."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lacuna.errors import LacunaError
from lacuna.files.artefacts import sha256, text_digest, write_text

ENDING = ".sha256"
SECOND = 10**9  # nanoseconds
EARLIER = "earlier"  # folder of the versions that a file of digests has had


def digests_of(files: Iterable[str]) -> str:
    """One line per file, digest and path, by path."""
    return "".join(f"{sha256(name)}  {name}\n" for name in sorted(files))


def write_digests(path: str, files: Iterable[str]) -> None:
    """Writes the file of digests, and keeps this version of it for `recall_digests`."""
    text = digests_of(files)
    write_text(str(_earlier(path, text)), text)
    write_text(path, text)


def renew_digests(path: str, files: list[str]) -> None:
    """Writes the file of digests where it is not there, or is not of these files as they are."""
    if not Path(path).is_file() or Path(path).read_text() != digests_of(files):
        write_digests(path, files)


def recall_digests(path: str, files: list[str], lost: bool = False) -> list[str]:
    """Brings a file of digests up to date where the files are as they were at some earlier time.

    Gives the files that are as they never were: what is made with them will be made again.

    An edit that was undone then plans only what was made with it, and a touch plans nothing, whatever Snakemake has
    recorded. The file's time is that of the newest file in it, which a plan compares with what was made. Where files
    are as they never were, it is older than all of them, so that a plan compares each, and notices an edit that came
    with an old time. Where it is ``lost`` it is written, if anything was made yet beside the digests' folder. Does
    nothing where nothing can be written.
    """
    with suppress(OSError):
        times = [os.stat(name).st_mtime_ns for name in files]
        if lost and not Path(path).exists() and made_beside(Path(path).parent):
            write_digests(path, files)
            os.utime(path, ns=(max(times), max(times)))
        text = digests_of(files)
        _bring_up_to_date(Path(path), text, min(times), max(times))
        return _named(set(text.splitlines()) - set(Path(path).read_text().splitlines()))
    return []


def changed_files(path: str, files: list[str]) -> list[str]:
    """The files that `recall_digests` would give; writes nothing. None where there are no digests to compare."""
    with suppress(OSError):
        text = digests_of(files)
        if not _earlier(path, text).exists():
            return _named(set(text.splitlines()) - set(Path(path).read_text().splitlines()))
    return []


def _named(lines: Iterable[str]) -> list[str]:
    return sorted(line.split("  ", 1)[1] for line in lines)


def _bring_up_to_date(file: Path, text: str, oldest: int, newest: int) -> None:
    known = file.read_text() == text or _earlier(str(file), text).exists()
    if known and file.read_text() != text:
        write_text(str(file), text)
    if known and newest > file.stat().st_mtime_ns:
        os.utime(file, ns=(newest, newest))
    if not known and oldest <= file.stat().st_mtime_ns:
        os.utime(file, ns=(oldest - SECOND, oldest - SECOND))


def planned_code(paths: Iterable[str]) -> list[str]:
    """The code behind a job's input of it: what its files of digests name, and files of the user's own.

    Raises `LacunaError` for a module that was edited since the run was planned.
    """
    code = [*paths]
    digests = [path for path in code if path.endswith(ENDING)]
    lines = [line.split("  ", 1) for path in digests for line in Path(path).read_text().splitlines()]
    for digest, name in lines:
        if not Path(name).is_file() or sha256(name) != digest:
            raise LacunaError(f"{name} was edited since this run was planned; run the same command again")
    return [*dict.fromkeys(name for _, name in lines), *(path for path in code if path not in digests)]


def made_beside(folder: Path) -> bool:
    """Whether there is another folder than that of the digests, with what is to be compared with the code."""
    return any(other != folder and other.is_dir() for other in folder.parent.iterdir())


def _earlier(path: str, text: str) -> Path:
    file = Path(path)
    return file.parent / EARLIER / f"{file.stem}-{text_digest(text)[:16]}{file.suffix}"
