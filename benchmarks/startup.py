"""Processor seconds before a job's work begins, against an empty `script:` job that imports torch.

An empty job is one of a workflow of its own: four more such jobs in one run of Snakemake, a quarter of what they add.
A rule's start is a fresh interpreter with the imports of its script, and the record of all its code, whose digests a
job compares first. What a job of the rule costs more than an empty one is the difference to a fresh interpreter that
imports torch.
"""

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from lacuna.files.artefacts import sha256
from lacuna.files.digests import ENDING
from lacuna.plan.code import parts
from lacuna.plan.stages import STAGES

ROUNDS, MORE = 3, 4
OUT = Path("docs/benchmarks/startup.csv")
TORCH = "import torch"
RULES = ("train", "attack", "evaluate", "cells", "table")
RECORD = """
from lacuna.files.artefacts import Record
from lacuna.files.digests import planned_code
Record({rule!r}, "{{}}", [], planned_code([{code!r}]))
"""
SNAKEFILE = """
rule all:
    input: expand("{number}.txt", number=range(int(config["jobs"])))
rule empty:
    output: "{number}.txt"
    script: "empty.py"
"""
EMPTY = "import torch\nopen(snakemake.output[0], 'w').close()\n"


def spent(*command: str, folder: Path | None = None) -> float:
    """Processor seconds of a command and of all that it starts."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime


def imports(rule: str) -> str:
    """The imports of a rule's script."""
    body = ast.parse(Path(f"workflow/scripts/{rule}.py").read_text()).body
    return "\n".join(ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom))


def start(rule: str, folder: Path) -> float:
    """A rule's start. A plan has written the digests of its code, as it does for a run."""
    code = folder / f"{rule}{ENDING}"
    files = parts(STAGES)[rule].files(Path.cwd())
    code.write_text("".join(f"{sha256(str(name))}  {name}\n" for name in files))
    return spent(sys.executable, "-c", imports(rule) + RECORD.format(rule=rule, code=str(code)))


def empties(jobs: int) -> float:
    """A run of so many empty jobs, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Snakefile").write_text(SNAKEFILE)
        (folder / "empty.py").write_text(EMPTY)
        command = (sys.executable, "-m", "snakemake", "--cores", "1", "--config", f"jobs={jobs}")
        return spent(*command, folder=folder)


def main() -> None:
    lines: list[dict[str, object]] = []
    for turn in range(ROUNDS):
        cases = {"import torch": spent(sys.executable, "-c", TORCH)}
        with tempfile.TemporaryDirectory() as folder:
            cases |= {rule: start(rule, Path(folder)) for rule in RULES}
        cases["empty job"] = (empties(1 + MORE) - empties(1)) / MORE
        lines += [{"case": case, "round": turn, "seconds": seconds} for case, seconds in cases.items()]
        pd.DataFrame(lines).round(3).to_csv(OUT, index=False)
    print(pd.DataFrame(lines).groupby("case")["seconds"].median().round(2).to_string())


if __name__ == "__main__":
    main()
