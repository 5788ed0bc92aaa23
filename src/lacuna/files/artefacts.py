"""Writes and reads every artefact: atomically, with provenance beside it, and verified on each read."""

import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lacuna.errors import LacunaError, TamperedError
from lacuna.files.copies import planned_path
from lacuna.files.escapes import for_csv, from_csv
from lacuna.files.machine import processor
from lacuna.files.owner import confirm_ownership, temporary_name
from lacuna.files.records import FORMAT, RecordContent, parse_record, record_text

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

LIBRARIES = (
    *("adversarial-robustness-toolbox", "eagerpy", "foolbox", "lacuna", "numpy", "pandas", "pillow", "pyarrow"),
    *("safetensors", "scipy", "statsmodels", "torch", "torchvision"),
)

# How pandas reads a CSV: only what is empty is missing; a column or a row may be called None.
CSV_OPTIONS: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}
RESULTS = ("dvc.lock", "metrics", "plots")  # that a user may commit, and that decide nothing
AGAIN = "delete it and run again"  # what to do about an artefact that is not right; its rule then makes it again

UMASK = os.umask(0)  # it can only be read by setting it
os.umask(UMASK)


def sha256(path: Path | str) -> str:
    """Hexadecimal sha256 of a file. Raises `LacunaError` for a pipe, a device or a folder, which may have no end."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise LacunaError(f"{path} is not a regular file; allowed: one")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_digest(text: str) -> str:
    """Hexadecimal sha256 of a text, for example of canonical settings."""
    return hashlib.sha256(text.encode()).hexdigest()


def provenance_path(path: Path | str) -> Path:
    """Where an artefact's provenance lies: ``<file>.prov.json``."""
    return Path(f"{path}.prov.json")


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A temporary path in a folder beside ``path``, renamed to it on success and removed on failure.

    The folder is this write's own, for what libraries put beside a file while they write it (safetensors does).
    It is on the disk before it is renamed, so that a crash leaves the old file or the new one. Raises `LacunaError`
    where this process was the file's owner and another is now.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(temporary_name(target, f"{platform.node()}-{os.getpid()}"))
    folder.mkdir(exist_ok=True)
    temporary = folder / target.name
    try:
        yield temporary
        temporary.chmod(0o666 & ~UMASK)  # safetensors writes files that only their owner may read
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        confirm_ownership(path)
        os.replace(temporary, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_files(folder: Path, ending: str) -> list[Path]:
    """Files with this ending below a folder, sorted, whatever is being written there meanwhile."""
    places = ((Path(at), names) for at, _, names in os.walk(folder) if not Path(at).name.startswith("."))
    return sorted(at / name for at, names in places for name in names if name.endswith(ending))


@dataclass
class Record:
    """What goes into an artefact's provenance besides its own sha256. Make it before anything is read.

    ``stage`` is the rule; ``settings`` is canonical JSON; ``inputs`` are the files read (whose records, where they have
    some, must be sound), ``code`` the modules that run; ``facts`` are further stable numbers, such as parameter counts;
    ``volatile`` is what may differ between equal runs (device, seconds); ``started`` is a Unix time.
    """

    stage: str
    settings: str
    inputs: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    volatile: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        # At the start: a commit or an edit while the job runs does not change what it runs.
        self.volatile |= {**_commit(), "code": {name: sha256(name) for name in sorted(self.code)}}
        self.digests = {planned_path(name): _input(name) for name in sorted(self.inputs)}
        recorded = [name for name in sorted(self.inputs) if provenance_path(name).exists()]
        self.records = {planned_path(name): read_record(name).digest for name in recorded}
        self.versions = dict(_versions())

    def full_digest(self) -> str:
        """Digest of all that decides the result: settings, inputs, code and versions. What is resumed must share it."""
        parts = {"inputs": self.digests, "code": self.volatile["code"], "versions": self.versions}
        return text_digest(self.settings + json.dumps(parts, sort_keys=True))

    def write(self, path: str) -> None:
        """Writes ``<path>.prov.json`` for the artefact at ``path``, which must be complete and goes if this fails."""
        stable = {
            "format": FORMAT,
            "artefact": planned_path(path),
            "stage": self.stage,
            "settings": json.loads(self.settings),
            "settings_digest": text_digest(self.settings),
            "inputs": self.digests,
            "records": self.records,
            "versions": self.versions,
            "facts": self.facts,
            "sha256": sha256(path),
        }
        volatile = {
            **arithmetic(),
            "host": platform.node(),
            "processor": processor(),
            "seconds": round(time.time() - self.started, 2),
            **self.volatile,
        }
        try:
            write_text(str(provenance_path(path)), record_text(stable, volatile))
        except BaseException:
            Path(path).unlink(missing_ok=True)
            raise


def arithmetic() -> dict[str, str]:
    """What decides how this process rounds, besides the code: torch's kernels for the processor, and the GPU.

    Empty where torch is not loaded. It stands in the volatile part of records, since nodes of a cluster differ.
    """
    if (torch := sys.modules.get("torch")) is None:
        return {}
    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {"cpu_capability": torch.backends.cpu.get_cpu_capability(), **gpu}


@cache
def _versions() -> dict[str, str]:
    """The versions of what decides numbers, which this process asks for once."""
    return {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()}


def _input(name: str) -> str:
    try:
        return sha256(name)
    except FileNotFoundError:
        raise LacunaError(f"{name} is not there, and is needed; run again with it as the target") from None


def _commit() -> dict[str, Any]:
    """The commit and whether tracked files differ from it, but for `RESULTS`; nulls where there is no git."""
    try:
        changed = _git("status", "--porcelain", "-uno", "--", ".", *(f":(exclude){name}" for name in RESULTS))
        return {"commit": _git("rev-parse", "HEAD"), "dirty": bool(changed)}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def read_record(path: Path | str) -> RecordContent:
    """An artefact's provenance, whose seal is checked.

    Raises `TamperedError` where it is not what was written, `LacunaError` where it is missing or cannot be read.
    """
    if not os.path.lexists(provenance_path(path)):
        raise LacunaError(f"{path} has no provenance ({provenance_path(path)}); {AGAIN}")
    return parse_record(provenance_path(path))


def stable_part(path: Path | str) -> dict[str, Any]:
    """The stable part of an artefact's provenance. Raises the errors of `read_record`."""
    return dict(read_record(path).stable)


def provenance_digest(path: Path | str) -> str:
    """First 16 digits of the sha256 of the stable part: what a cell's ``provenance`` column holds."""
    return read_record(path).digest[:16]


def verify(path: Path | str) -> None:
    """Raises `TamperedError` unless the artefact's bytes are those its provenance recorded, `LacunaError` if gone."""
    refuse_other_bytes(path, read_record(path))


def refuse_other_bytes(path: Path | str, record: RecordContent) -> None:
    """Raises as `verify`, by a record that was read already."""
    recorded = str(record.stable["sha256"])
    if not Path(path).is_file():
        raise LacunaError(f"{path} is gone though its provenance is there; run again with it as the target")
    if sha256(path) != recorded:
        raise TamperedError(f"{path} has changed since it was made (its sha256 is not {recorded[:16]}...); {AGAIN}")


def write_tensors(path: str, tensors: "Mapping[str, Tensor]", record: Record) -> None:
    """Writes named tensors as safetensors, and their provenance."""
    from safetensors.torch import save_file

    with atomic_path(path) as temporary:
        save_file(separate(tensors), temporary)
    record.write(path)


def separate(tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The tensors as safetensors takes them: on the CPU, contiguous, each in memory of its own.

    Weights that a network uses twice stand in the file under each of their names.
    """
    made: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        place = plain.untyped_storage().data_ptr()
        made[name] = plain.clone() if place in taken else plain
        taken.add(place)
    return made


def write_split(
    path: str, labels: "Tensor", shape: tuple[int, ...], pieces: "Iterable[Tensor]", record: Record
) -> None:
    """Writes a dataset's images, a piece at a time as in `lacuna.files.tensorfile.save_split`, and their provenance."""
    from lacuna.files.tensorfile import save_split

    with atomic_path(path) as temporary:
        save_split(temporary, labels, shape, pieces)
    record.write(path)


def map_tensors(path: str) -> "dict[str, Tensor]":
    """As `read_tensors`, but through a read-only memory map: no more than what is used is in memory."""
    from safetensors import SafetensorError

    from lacuna.files import tensorfile

    verify(path)
    try:
        return require_finite(path, tensorfile.map_file(path), AGAIN)
    except (SafetensorError, ValueError, KeyError):
        raise LacunaError(f"{path} is not a safetensors file; {AGAIN}") from None


def read_tensors(path: str) -> "dict[str, Tensor]":
    """Named tensors of a verified artefact.

    Raises `LacunaError` where its bytes are not the recorded ones, are no safetensors file (nothing else is ever
    read, so nothing in a file is run), or hold a number that is not finite.
    """
    verify(path)
    return require_finite(path, parse_tensors(path, AGAIN), AGAIN)


def parse_tensors(path: Path | str, mend: str) -> "dict[str, Tensor]":
    """Named tensors of a safetensors file; a `LacunaError` ends with ``mend``, what the user can do."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, ValueError, KeyError):
        raise LacunaError(f"{path} is not a safetensors file; {mend}") from None


def require_finite(path: Path | str, tensors: "dict[str, Tensor]", mend: str) -> "dict[str, Tensor]":
    """The tensors; raises `LacunaError` naming the first that holds NaN or infinity, or holds less than its shape says.

    Sparse tensors, those of the device meta and those that repeat a number by a stride of 0 take no room for 10^12
    numbers.
    """
    for name, tensor in sorted(tensors.items()):
        if not _is_whole(tensor):
            kind = f"of shape {tuple(tensor.shape)} does not hold every number of it"
            raise LacunaError(f"{path}: tensor '{name}' {kind} (sparse, quantised or without memory); {mend}")
        if tensor.is_floating_point() and not (tensor.float() if tensor.itemsize == 1 else tensor).isfinite().all():
            raise LacunaError(f"{path}: tensor '{name}' holds numbers that are not finite; {mend}")
    return tensors


def _is_whole(tensor: "Tensor") -> bool:
    """Whether a tensor is dense, on the CPU, and has memory for each of its numbers."""
    import torch

    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        return False
    return tensor.untyped_storage().nbytes() >= tensor.numel() * tensor.itemsize


def write_frame(path: str, frame: "pd.DataFrame", record: Record) -> None:
    """Writes a table as Parquet or CSV, by the path's ending, and its provenance."""
    with atomic_path(path) as temporary:
        if path.endswith(".parquet"):
            frame.to_parquet(temporary, index=False)
        else:
            for_csv(frame).to_csv(temporary, index=False, lineterminator="\n")
    record.write(path)


def read_frame(path: str) -> "pd.DataFrame":
    """A table of a verified artefact; empty CSV fields are empty strings or NaN by column type."""
    verify(path)
    return parse_frame(path, AGAIN)


def parse_frame(path: str, mend: str) -> "pd.DataFrame":
    """A table from Parquet or CSV, by the path's ending; a `LacunaError` ends with ``mend``, what the user can do."""
    import pandas as pd  # half a second that jobs on tensors need not pay

    try:
        return pd.read_parquet(path) if path.endswith(".parquet") else read_csv(path)
    except (ValueError, TypeError, KeyError, NotImplementedError, OSError):
        kind = "Parquet" if path.endswith(".parquet") else "CSV"
        raise LacunaError(f"{path} is not a {kind} file; {mend}") from None


def read_csv(path: Path | str) -> "pd.DataFrame":
    """A table of a CSV file with its names and texts (`from_csv`). Raises pandas' errors for a file of another kind."""
    import pandas as pd

    return from_csv(pd.read_csv(path, **CSV_OPTIONS))


def write_text(path: str, text: str) -> None:
    """Writes a text file atomically, without provenance (renderings of artefacts that have it)."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
