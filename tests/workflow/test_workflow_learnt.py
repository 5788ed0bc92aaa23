"""What jobs took is learnt at the end of a run, read by the main process alone, and decides nothing that is made."""

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

PLACE = "results/learnt.json"
LONG = 10_000.0  # times as long as the plan expects
TABLE = "tables/table3.csv"
NETWORK = "results/demo/fashion-mnist-subset/train/vgg19-standard-s1.safetensors"


def rewrite(tree: "Tree", factor: float) -> None:
    """Makes all that was learnt so many times longer."""
    content = json.loads((tree / PLACE).read_text())
    for kind in content["kinds"].values():
        for entry in (one for scale in kind["scales"].values() for one in scale.values()):
            entry.update({key: value * factor for key, value in entry.items() if key != "jobs"})
    (tree / PLACE).write_text(json.dumps(content))


def hours(said: str) -> float:
    return float(re.findall(r"about ([\d.]+) hours on one device", said)[0])


def test_a_run_learns_from_its_jobs_and_a_plan_does_not_change_for_it(finished: "Tree") -> None:
    (kind,) = json.loads((finished / PLACE).read_text())["kinds"].values()
    assert {"train", "attack", "select", "evaluate", "dataset", "cells"} <= kind["scales"]["demo"].keys()
    assert kind["scales"]["demo"]["train"]["jobs"] == 6
    assert {"train", "evaluate", "publish"} <= kind["begin"].keys()
    assert 0.05 < kind["begin"]["train"]["seconds"] < 120
    rewrite(finished, LONG)
    assert finished.planned() == {}


def test_costs_and_limits_follow_and_a_limit_is_never_shorter_than_the_plans(finished: "Tree") -> None:
    (finished / NETWORK).unlink()
    limits = {}
    for factor in (1, 1 / LONG, LONG * LONG):
        rewrite(finished, factor)
        said = finished.run("-n", "--forcerun", "cells", "--", NETWORK)
        limits[factor] = int(re.findall(r"rule train_vgg19:.*?runtime=(\d+)", said, re.S)[0]), hours(said)
    (first, _), (quick, none), (slow, much) = limits.values()
    assert quick == 60 <= first < slow
    assert none < 0.1 < much


def test_a_damaged_file_is_passed_over_with_one_sentence_by_the_main_process_alone(finished: "Tree") -> None:
    (finished / PLACE).write_text("{")
    (finished / NETWORK).unlink()
    said = finished.run("--", NETWORK)
    assert said.count(f"{PLACE} cannot be read and is passed over") == 1
    assert json.loads((finished / PLACE).read_text())["kinds"]


def test_the_simulation_has_the_jobs_that_snakemake_would_run(small: "Tree") -> None:
    import subprocess

    words = [small.python, "-m", "lacuna.cost", "--cores", "2", "--", TABLE]
    done = subprocess.run(words, cwd=small.root, env=small.variables(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    total = re.findall(r"^total +(\d+)$", small.run("-n", "--", TABLE), re.M)[0]
    assert f"{TABLE} at scale demo, {total} jobs." in done.stdout
