"""Planning imports none of the libraries that jobs need, so that a dry run takes seconds."""

import json
import subprocess
import sys
from pathlib import Path

HEAVY = {"torch", "torchvision", "pandas", "matplotlib", "seaborn", "numpy", "scipy", "sklearn", "captum", "PIL"}
PLANNED = """
import json, sys
from pathlib import Path
from lacuna.config.load import load
from lacuna.config.yaml_files import read_yaml
from lacuna.cost import estimate
from lacuna.plan.plan import Plan
from lacuna.plan.names import refuse_unknown

root = Path.cwd()
plan = Plan(load(root, read_yaml(root / "config/config.yaml", root)))
refuse_unknown(plan, ["tables/table3.csv"])
exhibits = {"figure": plan.lookup.figures, "table": plan.lookup.tables}
said = [plan.stages[kind].canonical(**plan.lookup.wildcards_of(name)) for kind in exhibits for name in exhibits[kind]]
claims = [one for paper in plan.lookup.claimed for one in plan.inventory.claims(paper)]
cost = estimate(plan, [name for names in exhibits.values() for name in names])
assert plan.inventory.artefacts() and all(said) and claims and str(cost)
print(json.dumps([*sys.modules]))
"""


def test_a_plan_of_everything_imports_no_heavy_library(root: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PLANNED], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert {"lacuna", "yaml"} <= imported
    assert imported & HEAVY == set()
