"""Failures of the machine as one sentence: disk, permissions, memory, GPU."""

import errno
import tempfile
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
CLOSED = {
    errno.EROFS: "is on a read-only disk",
    errno.EACCES: "may not be written or read",
    errno.EPERM: "is protected",
}
FREE = "free some space (docs/operations.md says what may go), then run the same command again"


def failure_sentence(error: BaseException, rule: str, output: str) -> str | None:
    """What went wrong and what the user can do; None for an error that is not the machine's.

    ``rule`` and ``output`` are those of the job that met the error. Libraries wrap errors of the disk in their own, so
    that the words of an error count too.
    """
    said = str(error)
    if isinstance(error, OSError) and error.errno in CLOSED:
        return f"{error.filename or output} {CLOSED[error.errno]}; give write access, or run where there is"
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return f"{error.filename or output} has too long a name; shorten what the configuration calls it"
    if getattr(error, "errno", None) in FULL or "No space left" in said or "StorageFull" in said:
        return f"the disk of {output} is full; {FREE}"
    if "Read-only file system" in said or "ReadOnlyFilesystem" in said or "Permission denied" in said:
        return f"{output} cannot be written ({said.splitlines()[0]}); give write access, or run where there is"
    if isinstance(error, FileNotFoundError) and "temporary directory" in said:
        return f"there is no folder for temporary files (tried {', '.join(_tried())}); set TMPDIR to one that exists"
    if isinstance(error, MemoryError) or "DefaultCPUAllocator: can't allocate memory" in said:
        return f"the memory of the machine is not enough; ask for more: --set-resources {rule}:mem_mb=<more>"
    if type(error).__name__ == "OutOfMemoryError":
        return f"the memory of the GPU is not enough; use one with more, or --set-resources {rule}:batch=<fewer>"
    return None


def _tried() -> list[str]:
    return [str(Path(folder)) for folder in tempfile._candidate_tempdir_list()]  # type: ignore[attr-defined]
