"""A simulated run against the clock: seconds are learnt from one run of the demo and tried on another.

On a fresh clone of what is committed, on two cores: `python benchmarks/simulated.py` makes the tables that it learns
from, simulates the rest of Table 3, and then makes that with a clock. It takes 15 minutes, on cores that do nothing
else. It writes docs/benchmarks/simulated.csv, and ends with an error where the two are more than 15 % apart.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from lacuna.cost.learnt_file import read_learnt
from lacuna.cost.simulation import Machine, simulate
from lacuna.cost.targets import jobs_of
from lacuna.files.machine import processor
from lacuna.plan.checkout import plan_of_checkout

OUT = Path("docs/benchmarks/simulated.csv")
ALLOWED = 0.15  # share of the clock
CORES = 2


def foretell(targets: Sequence[str], learnt: bool) -> tuple[float, int]:
    """Estimated seconds of what targets still need in the working directory, and the number of jobs."""
    plan = plan_of_checkout("demo")
    if learnt:
        plan.learnt = read_learnt("demo")
    jobs = jobs_of(plan, targets)
    return simulate(jobs, Machine(CORES)).makespan, len(jobs)


def clocked(targets: Sequence[str], environment: Mapping[str, str]) -> float:
    """Seconds of a run, the time that Snakemake plans for included."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "snakemake", "--quiet", "all", "--cores", str(CORES), "--", *targets]
    subprocess.run(command, check=True, env={**os.environ, **environment})
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--learn-from", nargs="+", default=["tables/table8.csv", "tables/table10.csv"])
    parser.add_argument("--foretell", nargs="+", default=["tables/table3.csv"])
    asked = parser.parse_args()
    root = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", str(root), folder], check=True)
        os.chdir(folder)
        environment = {"PYTHONPATH": f"{folder}/src"}
        lines = []
        for name, targets, learnt in (("learnt from", asked.learn_from, False), ("foretold", asked.foretell, True)):
            (said, jobs), (plain, _) = foretell(targets, learnt), foretell(targets, False)
            clock = clocked(targets, environment)
            lines.append({"run": name, "targets": " ".join(targets), "jobs": jobs, "plan": plain, "estimated": said})
            lines[-1] |= {"clock": clock, "ratio": said / clock, "cores": CORES, "processor": processor()}
        os.chdir(root)
    frame = pd.DataFrame(lines).round(3)
    frame.to_csv(OUT, index=False)
    print(frame.to_string(index=False))
    if abs(frame["ratio"].iloc[-1] - 1) > ALLOWED:
        sys.exit(f"error: the simulation is more than {ALLOWED:.0%} from the clock")


if __name__ == "__main__":
    main()
