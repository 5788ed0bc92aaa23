"""`--config seeds=2` on a run of the tiny configuration: what is added, what is kept, and the way back."""

import csv
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

TABLE = "tables/table3.csv"
SEEDS = ("--config", "seeds=2")


def test_a_second_seed_is_made_beside_the_first_which_is_kept(finished: "Tree") -> None:
    first = finished.contents("results/demo/fashion-mnist-subset/train")
    single = finished.contents("tables")
    jobs = finished.planned(TABLE, *SEEDS)
    trainings = sum(count for rule, count in jobs.items() if rule.startswith("train_"))
    assert (trainings, jobs["dataset"], jobs["select"], jobs["attack"], jobs["evaluate"]) == (6, 1, 1, 2, 4)
    assert (jobs["cells"], jobs["table"], jobs["publish_table"]) == (1, 1, 1)
    finished.run(TABLE, *SEEDS)
    assert finished.contents("results/demo/fashion-mnist-subset/train") == first
    second = finished.contents("results/demo/fashion-mnist-subset-seed1/train")
    names = {name.replace("-seed1/", "/") for name in second}
    assert names == first.keys()
    weights = [name for name in second if name.endswith(".safetensors")]
    assert all(second[name] != first[name.replace("-seed1/", "/")] for name in weights)
    with (finished / "tables/table3.cells.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert {line["seeds"] for line in lines} == {"2"}
    assert all(len(line["provenance"].split()) == 2 for line in lines)
    assert {"seed_low", "seed_high"} <= lines[0].keys()
    assert finished.planned(TABLE, *SEEDS) == {}
    assert finished.call("--cores", "1", "audit", *SEEDS)[0] == 0
    assert finished.planned(TABLE) == {"cells": 1, "table": 1, "publish_table": 1}, "back to one seed trains nothing"
    finished.run(TABLE)
    assert finished.contents("tables") == single
