"""How time and memory grow: plans by jobs, audits by cells, track, push and pull by artefacts, jobs by images.

    python benchmarks/growth.py                      # everything: about an hour
    python benchmarks/growth.py plan audit           # these parts; the lines of the others stay
    python benchmarks/growth.py share --largest 100  # no larger size; the lines of larger ones stay

Writes docs/benchmarks/growth.csv and growth.svg, and ends with an error where ten times the size takes more than 13
times the time. Time is that of the processor, of all programs that a step starts: it depends less on what else runs
on the machine. Files are made up, with true records; nothing is trained but for the memory of jobs.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
import yaml
from common import OUT
from planning import PAPER, checkout, leave_table3, plan, widen
from versioning import git, publish, versioning

ROOT = Path(__file__).resolve().parents[1]
SCALE, DATASETS = "config/scales/demo.yaml", "config/datasets.yaml"
ALLOWED = 13  # times the time for ten times the size
Line = tuple[str, int, float]  # what, size, seconds or gigabytes
SIZES = {
    "plan": (1000, 10_000),
    "audit": (1000, 10_000, 100_000),
    "share": (10, 100, 1000, 10_000),
    "memory": (2000, 20_000, 200_000),
}


def spent(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time that a call and the programs it starts take, and what it returns."""
    before = _processor()
    made = work()
    return _processor() - before, made


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def plans(folder: Path, size: int) -> Iterator[Line]:
    """A fresh checkout's first dry run of about so many jobs."""
    checkout(folder)
    widen(folder, size)
    seconds, (_, jobs) = spent(lambda: plan(folder, "tables/table3.csv"))
    yield "plan, jobs", jobs, seconds


def audits(folder: Path, size: int) -> Iterator[Line]:
    """Cells and audit of one made-up table of so many cells: 100 columns, each an attack on one of five sources."""
    import madeup
    from projects import Project

    from lacuna.audit.gather import gather
    from lacuna.audit.page import render_page
    from lacuna.config.load import load
    from lacuna.plan.plan import Plan

    checkout(folder)
    leave_table3(folder)
    Project(folder).edit(PAPER, lambda content: spread_out(content, size // 100))
    os.chdir(folder)
    madeup.TESTED, madeup.ATTACKED = 30, 12  # an audit reads cells and records, and counts no image

    def audit() -> dict[str, Any]:
        report = gather(Plan(load(Path(), yaml.safe_load(Path("config/config.yaml").read_text()))))
        render_page(report), json.dumps(report)
        return report

    madeup.run(Plan(load(Path(), yaml.safe_load(Path("config/config.yaml").read_text()))))
    seconds, report = spent(audit)
    assert report["summary"]["well"], report["problems"][:3]
    yield "audit, cells", report["summary"]["cells"], seconds


def spread_out(content: Any, rows: int) -> None:
    """A table of so many rows: five sources, and 20 budgets of the attack on each."""
    attack = content["attacks"]["pgd16"]
    first = attack["budgets"][0]
    attack["budgets"] = [{**first, "name": f"t{steps}", "steps": steps} for steps in range(20, 40)]
    table = content["tables"]["table3"]
    sources = [column for column in table["columns"] if "source" in column]
    table["columns"] = [
        {**column, "column": f"{column['column']} {budget['name']}", "attack": f"pgd16.{budget['name']}"}
        for column in sources
        for budget in attack["budgets"]
    ]
    table["rows"] = [{"row": f"seed {seed}", "model": f"resnet18-standard-s{seed}"} for seed in range(1, rows + 1)]
    table.pop("printed", None)


def shares(folder: Path, size: int) -> Iterator[Line]:
    """Track, push and pull of about so many artefacts of 20 kB, with the remote in a folder."""
    publish(folder, max(1, (size - 16) // 2), 20_000)
    count = sum(1 for _ in Path("results").rglob("*.prov.json"))
    for name in ("track", "push"):
        yield f"{name}, artefacts", count, spent(lambda name=name: versioning(name))[0]
        if name == "track":
            git("add", "-A")
            git("commit", "-qm", "benchmark")
    subprocess.run(["git", "clone", "-q", str(folder / "A"), str(folder / "B")], check=True)
    os.chdir(folder / "B")
    yield "pull, artefacts", count, spent(lambda: versioning("pull"))[0]


def memories(folder: Path, size: int) -> Iterator[Line]:
    """Most memory of the jobs dataset and train, where the dataset has so many training and test images."""
    from projects import Project

    checkout(folder)
    draw = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "test"):
        arrays[f"{split}_images"] = draw.integers(0, 256, (size, 28, 28), dtype=np.uint8)
        arrays[f"{split}_labels"] = np.arange(size, dtype=np.int64) % 10
    file = folder / "data/embedded/fashion-mnist-subset.npz"
    np.savez(file, **arrays)

    def dataset(content: Any) -> None:
        entry = content["fashion-mnist-subset"]
        entry["source"]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
        entry.update(train=size, test=size)

    def scale(content: Any) -> None:
        recipe = content["recipes"]["fashion-mnist-subset"]
        recipe.pop("epochs_of", None)
        recipe.update(epochs=1, batch_size=128)

    Project(folder).edit(DATASETS, dataset)
    Project(folder).edit(SCALE, scale)
    results = "results/demo/fashion-mnist-subset"
    for stage, name in (("dataset", "test.safetensors"), ("train", "vgg19-standard-s1.safetensors")):
        yield f"{stage}, images", size, most_memory(folder, f"{results}/{stage}/{name}")


def most_memory(folder: Path, target: str) -> float:
    """Gigabytes that the largest process of a run had in memory."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    run = [sys.executable, "-m", "snakemake", "--cores", "1", "--", target]
    own = {**os.environ, "PYTHONPATH": f"{folder}/src"}
    done = subprocess.run([sys.executable, "-c", code, *run], cwd=folder, env=own, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{target} in {folder} failed:\n{done.stderr}")
    return int(done.stdout) / 1e6  # Linux says kilobytes


PARTS: Mapping[str, Callable[[Path, int], Iterator[Line]]] = {
    "plan": plans,
    "audit": audits,
    "share": shares,
    "memory": memories,
}


def measure(part: str, size: int) -> pd.DataFrame:
    """One line for each step of a part at a size."""
    lines = []
    with tempfile.TemporaryDirectory() as name:
        for what, count, value in PARTS[part](Path(name), size):
            lines.append({"part": part, "what": what, "size": count, "value": round(value, 3)})
            print(f"{what:20}{count:8}{value:10.2f} {'GB' if part == 'memory' else 's'}", flush=True)
        os.chdir(ROOT)
    return pd.DataFrame(lines)


def growth(frame: pd.DataFrame) -> pd.DataFrame:
    """How many times the value of the line before each is, for ten times its size, by log-log interpolation."""
    ordered = frame.sort_values(["part", "what", "size"], kind="stable")
    logs = np.log10(ordered[["size", "value"]]).groupby([ordered["part"], ordered["what"]]).diff()
    return ordered.assign(times_for_ten=(10 ** (logs["value"] / logs["size"])).round(2))


def draw(frame: pd.DataFrame) -> None:
    """docs/benchmarks/growth.svg: a panel for each part."""
    grid = sns.relplot(
        frame, kind="line", x="size", y="value", hue="what", col="part", col_wrap=2, height=3, marker="o",
        facet_kws={"sharex": False, "sharey": False},
    )  # fmt: skip
    grid.set(xscale="log", yscale="log", ylabel="core-seconds; memory: GB")
    grid.savefig(OUT / "growth.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument("--largest", type=int, default=max(map(max, SIZES.values())), help="no size above this one")
    asked = parser.parse_args()
    parts = asked.parts or list(PARTS)
    frame = pd.read_csv(OUT / "growth.csv")
    frame = frame[~frame["part"].isin(parts) | (frame["size"] > 1.5 * asked.largest)]
    wanted = [(part, size) for part in parts for size in SIZES[part] if size <= asked.largest]
    for part, size in wanted:
        frame = growth(pd.concat([frame, measure(part, size)], ignore_index=True))
        frame.to_csv(OUT / "growth.csv", index=False)  # after each size: the largest takes an hour
        draw(frame)
    steep = frame[(frame["part"] != "memory") & (frame["times_for_ten"] > ALLOWED)]
    if len(steep):
        sys.exit(f"more than {ALLOWED} times the time for ten times the size:\n{steep.to_string(index=False)}")


if __name__ == "__main__":
    main()
