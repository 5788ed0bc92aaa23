"""Time and disk of tracking, pushing, pulling and verifying a hundred checkpoints.

    python benchmarks/versioning.py                  # checkpoints of 1 MB
    python benchmarks/versioning.py --megabytes 45   # ResNet-18 at full width; needs 23 GB in --folder

Random bytes with true provenance stand for the artefacts of a table with a hundred rows, in a clone of this
repository; the remote is a folder. Nothing is trained. Prints one line per step: seconds, and disk used so far.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import yaml
from planning import PAPER, leave_table3

from lacuna.config.load import load
from lacuna.files import artefacts
from lacuna.files.artefacts import Record, atomic_path
from lacuna.plan.plan import Plan

ROOT = Path(__file__).resolve().parents[1]


def call(*command: str) -> None:
    """A command in the working directory; what it says is shown only if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command[:4])}\n{done.stdout}{done.stderr}")


def git(*arguments: str) -> None:
    """git, without the user's own settings."""
    call("git", "-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org", *arguments)


def versioning(command: str) -> None:
    """What the make target of this name calls."""
    call(sys.executable, "-m", "lacuna.versioning", command)


def publish(folder: Path, count: int, size: int) -> None:
    """Clone A with a table of ``count`` rows and everything behind it but its cells; checkpoints of ``size`` bytes."""
    call("git", "clone", "-q", str(ROOT), str(folder / "A"))
    os.chdir(folder / "A")
    call(sys.executable, "-m", "dvc", "remote", "add", "-d", "storage", str(folder / "remote"))
    leave_table3(Path())
    content = yaml.safe_load(Path(PAPER).read_text())
    rows = [{"row": f"seed {i}", "model": f"resnet18-standard-s{i}"} for i in range(1, count + 1)]
    content["tables"]["table3"]["rows"] = rows
    Path(PAPER).write_text(yaml.safe_dump(content, sort_keys=False))
    artefacts._commit = cache(artefacts._commit)  # git is asked once, and not for each of thousands of records
    for artefact in Plan(load(Path(), yaml.safe_load(Path("config/config.yaml").read_text()))).inventory.artefacts():
        if artefact.stage != "cells":
            with atomic_path(artefact.path) as temporary:
                temporary.write_bytes(os.urandom(size if artefact.stage == "train" else 20_000))
            Record(artefact.stage, artefact.settings, list(artefact.inputs)).write(artefact.path)


def timed(name: str, folder: Path, step: Callable[[], None]) -> None:
    """Runs a step and prints its seconds and the disk that clones and remote take."""
    start = time.perf_counter()
    step()
    seconds = time.perf_counter() - start
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{name:12}{seconds:8.1f} s {used / 1e9:8.2f} GB", flush=True)


def main() -> None:
    """Publishes from one clone, pulls in another, and verifies there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--count", type=int, default=100, help="target networks in the table (five sources come on top)"
    )
    parser.add_argument("--megabytes", type=float, default=1, help="size of a checkpoint")
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        publish(folder, arguments.count, int(arguments.megabytes * 1e6))
        timed("track", folder, lambda: versioning("track"))
        git("add", "-A")
        git("commit", "-qm", "benchmark")
        timed("push", folder, lambda: versioning("push"))
        call("git", "clone", "-q", str(folder / "A"), str(folder / "B"))
        os.chdir(folder / "B")
        timed("pull", folder, lambda: versioning("pull"))
        timed("verify", folder, lambda: versioning("verify"))
        timed("pull again", folder, lambda: versioning("pull"))


if __name__ == "__main__":
    main()
