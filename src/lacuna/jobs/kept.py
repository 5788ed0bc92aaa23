"""Finished files that a run makes again stay, under another name, until their successors are there.

Snakemake removes the outputs of a job before the job begins. Where the job then fails, what was finished would be lost.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESULTS, CODE = "results/", "results/code/"
ENDING = ".before"


@dataclass(frozen=True)
class Kept:
    """The finished outputs of one job, and what Snakemake recorded of each of them."""

    records: dict[str, Any] = field(default_factory=dict)

    def give_back(self, persistence: Any) -> None:
        """Puts the outputs back where one of them is missing now, with Snakemake's records; else lets them go."""
        lost = any(not os.path.lexists(path) for path in self.records)
        for path, record in self.records.items():
            before = kept_path(path)
            if not before.exists():
                continue
            if not lost:
                before.unlink(missing_ok=True)
                continue
            os.replace(before, path)
            if record is not None:
                persistence._write_record(path, record)


def kept_path(output: Path | str) -> Path:
    """Where a finished output stays while it is made again."""
    return Path(output).with_name(f".{Path(output).name}{ENDING}")


def keep(jobs: Iterable[Iterable[str]], persistence: Any) -> list[Kept]:
    """Keeps the finished outputs below results/ of jobs that are to run; ``jobs`` are the outputs of each.

    ``persistence`` is Snakemake's. A second name of a file takes no room. Where the disk allows none, nothing is kept.
    """
    return [
        Kept({path: persistence._read_record(path) for path in outputs if _is_kept(path)})
        for outputs in (map(str, outputs) for outputs in jobs)
    ]


def _is_kept(path: str) -> bool:
    if not path.startswith(RESULTS) or path.startswith(CODE) or not Path(path).is_file():
        return False
    with suppress(OSError):
        kept_path(path).unlink(missing_ok=True)
        os.link(path, kept_path(path))
        return True
    return False


def let_go(outputs: Iterable[str]) -> None:
    """Removes what was kept of outputs that are complete."""
    for output in outputs:
        with suppress(OSError):
            kept_path(output).unlink(missing_ok=True)


def recover(folder: Path) -> None:
    """Puts back what a killed run kept and did not replace. Snakemake knows that the job was not finished."""
    for at, _, names in os.walk(folder):
        for name in (name for name in names if name.startswith(".") and name.endswith(ENDING)):
            before, output = Path(at, name), Path(at, name[1:].removesuffix(ENDING))
            with suppress(OSError):
                before.unlink() if output.exists() else os.replace(before, output)
