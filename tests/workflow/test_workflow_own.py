"""A metric and a figure of the user's own: inputs of the jobs that run them, and sentences where they fail."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

COUNTED = """
def kept(outcomes, of=1.0):
    n = int(of * len(outcomes))
    right = (outcomes["adversarial"] == outcomes["label"])[:n]
    return {"value": 100 * float(right.mean()), "n": n, "interval": (0, 100)}
"""
DRAWN = """
def bars(frame, axes):
    own = frame[frame["column"] == "own"]
    axes.bar(own["target"] + " " + own["row"], own["value"])
"""
TARGETS = ("tables/table3.csv", "figures/defective-table3.svg", "figures/own.svg")
PUBLISHED = {"table": 1, "publish_table": 1, "figure": 2, "publish_figure": 2}


@pytest.fixture
def own(finished: "Tree") -> "Tree":
    """The finished tiny configuration with a metric, a figure, and their modules."""
    (finished / "counted.py").write_text(COUNTED)
    (finished / "drawn.py").write_text(DRAWN)
    finished.environment["PYTHONPATH"] = f"{finished.root / 'src'}:{finished.root}"
    finished.configure("config/papers/defective.yaml", add)
    finished.targets = TARGETS
    return finished


def add(content: Any) -> None:
    column = {"column": "own", "metric": "counted:kept", "unit": "percent", "arguments": {"of": 0.5}}
    content["tables"]["table3"]["columns"].append({**column, "suite": "pgd16", "source": "resnet18-standard-s0"})
    content["figures"]["own"] = {"title": "Mine", "plot": "drawn:bars", "table": "table3"}


def test_they_are_made_by_one_entry_each_and_again_after_an_edit_of_their_file(own: "Tree") -> None:
    assert own.planned(*TARGETS) == {"cells": 1, **PUBLISHED}
    own.run(*TARGETS)
    cells = pd.read_csv(own / "tables/table3.cells.csv").query("column == 'own'")
    assert set(cells["metric"]) == {"counted:kept(of=0.5)"}
    assert len(cells) == 4
    record = json.loads((own.results / "cells/table3.csv.prov.json").read_text())
    digest = hashlib.sha256(COUNTED.encode()).hexdigest()
    assert record["volatile"]["code"]["counted.py"] == digest
    svg = (own / "figures/own.svg").read_text()
    assert hashlib.sha256(DRAWN.encode()).hexdigest() in svg
    assert "Scale demo" in svg
    assert own.planned(*TARGETS) == {}
    own.append("drawn.py")
    assert own.planned(*TARGETS) == {"figure": 1, "publish_figure": 1}
    own.run(*TARGETS)
    own.append("counted.py")
    assert own.planned(*TARGETS) == {"cells": 1, **PUBLISHED}


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("counted.py", '"n": n', '"n": 10 * n', "counted:kept for [ResNet-18 | own] gave n 1"),
        ("counted.py", "(0, 100)", "(0, 101)", "counted:kept for [ResNet-18 | own] gave interval high 101"),
        (
            "counted.py",
            "return",
            "return outcomes['none'],",
            "counted:kept for [ResNet-18 | own] raised KeyError at counted",
        ),
        ("drawn.py", "axes.bar", "print", "drawn:bars left the figure empty"),
    ],
)
def test_a_fault_of_theirs_is_one_sentence(own: "Tree", name: str, old: str, new: str, words: str) -> None:
    own.replace(name, old, new)
    said = own.refused(*TARGETS)
    assert f"error: {words}" in said
    assert not (own / "figures/own.svg").exists()


def test_a_name_that_is_not_there_stops_the_plan(own: "Tree") -> None:
    own.replace("counted.py", "def kept", "def kept_")
    said = own.refused(*TARGETS)
    place = "config/papers/defective.yaml, key tables.table3.columns, 'own', metric"
    assert f"{place}: 'counted:kept' cannot be imported: counted.py has no 'kept'; closest: kept_" in said
