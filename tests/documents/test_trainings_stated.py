"""docs/trainings.md states what the plan trains, per paper and per table, at every scale."""

import re
from pathlib import Path

import pytest

from lacuna.config.load import load
from lacuna.cost import estimate
from lacuna.plan.plan import Plan

CHOSEN = {"seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
PAPERS = {
    "Defective Convolutional Networks": "defective",
    "Dual perturbation": "dual",
    "AdvDrop": "advdrop",
    "The cross table": "cross",
}
AGAIN = "docs/trainings.md does not say what the plan trains; put the plan's number there"


@pytest.fixture(scope="module", params=["demo", "laptop", "paper"])
def plan(request: pytest.FixtureRequest, root: Path) -> Plan:
    return Plan(load(root, CHOSEN | {"scale": request.param}))


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs/trainings.md").read_text()


def exhibits(plan: Plan, *papers: str) -> list[str]:
    return [
        name
        for kind in (plan.lookup.tables, plan.lookup.figures)
        for name, (paper, _) in kind.items()
        if paper in papers
    ]


def test_every_tables_number_is_the_plans(plan: Plan, page: str) -> None:
    stated = {name: int(count) for name, count in re.findall(r"`([a-z0-9-]+)` \| (\d+)", page)}
    if plan.config.scale == "demo":
        stated |= {name: int(count) for name, count in re.findall(r"`([a-z0-9-]+)` \((\d+) in the\s+demo\)", page)}
    planned = {name: estimate(plan, [name], whole=True).trainings for name in stated}
    assert stated == planned, AGAIN
    assert {name for name, (paper, _) in plan.lookup.tables.items() if paper in PAPERS.values()} == set(stated), AGAIN


def test_a_papers_number_is_the_plans_and_what_is_shared_counts_once(plan: Plan, page: str) -> None:
    column = 1 if plan.config.scale == "demo" else 2
    rows = dict(re.findall(r"^\| ([A-Z][^|]*|all together[^|]*) \| (\d+ \| \d+)", page, re.M))
    for title, numbers in rows.items():
        papers = [PAPERS[title]] if title in PAPERS else [*PAPERS.values()]
        stated = int(numbers.split(" | ")[column - 1])
        assert stated == estimate(plan, exhibits(plan, *papers), whole=True).trainings, f"{title}: {AGAIN}"
    assert len(rows) == len(PAPERS) + 1
