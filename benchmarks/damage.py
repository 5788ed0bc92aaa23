"""How much damage to a run an audit notices: `python benchmarks/damage.py 100` prints the table of docs/audit.md.

Each trial damages a made-up run of Table 3, its figure and its claims at one place, audits it, and puts it back.
"""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests")]

from conftest import Project, cut_to_table3  # noqa: E402
from damage import KINDS, missed  # noqa: E402
from madeup import run  # noqa: E402

from lacuna.plan.plan import Plan  # noqa: E402


def main(trials: int) -> None:
    """Prints the table, and below it what was not noticed."""
    with tempfile.TemporaryDirectory() as folder:
        project: Project = cut_to_table3(ROOT, Path(folder, "made"))
        os.chdir(project.root)
        plan = Plan(project.load())
        run(plan)
        print("| damage | trials | noticed |\n|---|---|---|")
        unnoticed = []
        for kind, damage in KINDS.items():
            paths = missed(plan, damage, trials)
            print(f"| {kind} | {trials} | {trials - len(paths)} |", flush=True)
            unnoticed += [f"not noticed: {kind}: {path}" for path in paths]
        print("\n".join(unnoticed))
        os.chdir(ROOT)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
