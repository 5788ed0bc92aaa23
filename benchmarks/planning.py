"""Seconds to plan: a dry run of 50, 500 and 3000 jobs, and of everything at the paper's scale. No torch.

Each is a fresh checkout's first dry run, `snakemake -n`, in a copy of the workflow whose Table 3 has more rows; a row
adds two jobs, a training and an evaluation.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from common import save

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/support"))
PAPER = "config/papers/defective.yaml"
COPIED = ("Snakefile", "config", "data/printed", "data/registry.csv", "data/embedded", "envs", "profiles", "rules")
ROUNDS = 3


def checkout(folder: Path) -> None:
    """The workflow without results, in a folder of its own."""
    for name in (*COPIED, "src", "workflow", "pyproject.toml"):
        source, target = Path(name), folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)


def leave_table3(folder: Path) -> None:
    """Takes all exhibits but Table 3 out of a checkout's configuration, and what only they need."""
    from excerpt import excerpt, excerpt_scale
    from projects import Project

    edit = Project(folder).edit
    edit(PAPER, lambda content: excerpt(content, "table3"))
    paper = yaml.safe_load((folder / PAPER).read_text())
    for scale in sorted((folder / "config/scales").glob("*.yaml")):
        edit(f"config/scales/{scale.name}", lambda content: excerpt_scale(content, paper))
    for other in (*(folder / "config/papers").glob("*.yaml"), *(folder / "config/claims").glob("*.yaml")):
        if other != folder / PAPER:
            other.unlink()


def widen(folder: Path, jobs: int) -> None:
    """Gives Table 3 as many rows of further seeds as make about ``jobs`` jobs."""
    path = folder / PAPER
    content = yaml.safe_load(path.read_text())
    rows = content["tables"]["table3"]["rows"]
    shared = 15  # dataset, five sources with their attacks, selection, cells, table, publish
    seeds = range(1, 1 + (jobs - shared) // 2)
    rows[:] = [{"row": f"seed {seed}", "model": f"resnet18-standard-s{seed}"} for seed in seeds]
    path.write_text(yaml.safe_dump(content))


def plan(folder: Path, target: str, *options: str) -> tuple[float, int]:
    """Seconds of one dry run, and how many jobs it plans."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", *options, "--", target]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    totals = [line.split() for line in done.stdout.splitlines() if line.startswith("total")]
    return seconds, int(totals[-1][1]) if totals else 0


def main() -> None:
    lines: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as temporary:
        whole = Path(temporary) / "whole"
        checkout(whole)
        cases = {"all, paper scale": (whole, ("all", "--config", "scale=paper"))}
        for jobs in (50, 500, 3000):
            folder = Path(temporary) / str(jobs)
            shutil.copytree(whole, folder)
            widen(folder, jobs)
            cases[str(jobs)] = (folder, ("tables/table3.csv",))
        for turn in range(ROUNDS):
            for name, (folder, targets) in cases.items():
                seconds, jobs = plan(folder, *targets)
                lines.append({"case": name, "jobs": jobs, "round": turn, "seconds": seconds})
    print(save("planning", lines, x="case", y="seconds").groupby("case").median().round(2).to_string())


if __name__ == "__main__":
    main()
