"""The command lines of DVC and Snakemake, with this interpreter, in the checkout's root."""

import os
import subprocess
import sys
from collections.abc import Iterable

from lacuna.errors import LacunaError

RENDERING = ("table", "publish_table", "figure", "publish_figure")


def dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One call of DVC, whatever its exit status, with all that it says."""
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)


def transfer(*arguments: str) -> tuple[bool, str]:
    """A push or a pull, its progress and errors on the terminal: whether it succeeded, and its closing count."""
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], stdout=subprocess.PIPE, text=True)
    return done.returncode == 0, "".join(done.stdout.splitlines()[-1:])


def add(files: list[str]) -> None:
    """Adds files to DVC in one call. Raises `LacunaError` with DVC's own words where it failed."""
    done = dvc("add", "--quiet", *files)
    if done.returncode != 0:
        raise LacunaError(f"dvc add: {_sentence(done.stderr, 'ERROR: ')}")


def snakemake(scale: str, *arguments: str) -> str:
    """What Snakemake said on stdout at a scale. Raises `LacunaError` where it failed."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    place = command.index("--") if "--" in command else len(command)
    done = subprocess.run(
        [*command[:place], "--config", f"scale={scale}", *command[place:]], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise LacunaError(f"snakemake {arguments[0]}: {_sentence(done.stderr, 'error: ')}")
    return done.stdout


def _sentence(said: str, mark: str) -> str:
    """The line after ``mark`` of what a program said on stderr, or its last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["failed without a word"]
    marked = [line.removeprefix(mark) for line in lines if line.startswith(mark)]
    return (marked or lines[-1:])[0]


def refused(targets: Iterable[str]) -> set[str]:
    """Targets that DVC leaves alone because the file here is neither its tracked version nor in the cache."""
    said = dvc("checkout", *targets).stderr  # with --quiet it does not name them
    lines = {line.strip() for line in said.splitlines()}
    return {target for target in targets if os.path.abspath(target) in lines}


def touch(scale: str, agreeing: list[str], absent: list[str]) -> None:
    """Makes Snakemake take files as made by the present plan: times, settings, inputs and their checksums.

    ``--forceall``, because without it only what looks out of date is recorded, and a later edit of the settings of
    anything else would go unnoticed. It also records the absent files above the agreeing ones; that is taken back.
    """
    if not agreeing:
        return
    snakemake(scale, "--touch", "--forceall", "--quiet", "all", "--", *agreeing)
    if absent:
        snakemake(scale, "--quiet", "all", "--cleanup-metadata", *absent)


def render(scale: str, files: list[str]) -> None:
    """Tables and figures from the cells that are there; nothing else may run."""
    if files:
        snakemake(scale, "--quiet", "all", "--allowed-rules", *RENDERING, "--", *files)


def pending(scale: str, files: list[str]) -> set[str]:
    """The files among what these need that Snakemake is going to make (again) by itself."""
    lines = [line.split("\t") for line in snakemake(scale, "--summary", *files).splitlines()]
    return {line[0] for line in lines if line[-1] == "update pending"}
