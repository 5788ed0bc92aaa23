"""What a user asks for by a name that does not exist is one sentence, before anything is planned."""

from pathlib import Path

import pytest

from lacuna.config.load import load
from lacuna.errors import LacunaError
from lacuna.plan.plan import Plan
from lacuna.plan.presence import asked_for, refuse_unknown

CHOSEN = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}


@pytest.fixture(scope="module")
def plan(root: Path) -> Plan:
    return Plan(load(root, CHOSEN))


@pytest.mark.parametrize(
    ("argument", "hint"),
    [
        ("tables/tabel3.csv", " (did you mean tables/table3.csv?);"),
        ("figures/dual-figure6.pdf", " (did you mean figures/dual-figure6.png?);"),
        ("figures/table3.svg", " (did you mean figures/defective-table3.svg?);"),
        ("table3", " (did you mean tables/table3.csv?);"),
        ("dual-figure6", " (did you mean tables/dual-figure6.csv or figures/dual-figure6.svg?);"),
        ("tables/zzzzzzzzzz.csv", " is not made here;"),
        ("tables/defective-claim.csv", " (did you mean tables/defective-claims.csv?);"),
    ],
)
def test_a_mistyped_exhibit_is_named_with_the_one_that_was_meant(plan: Plan, argument: str, hint: str) -> None:
    with pytest.raises(LacunaError) as refused:
        refuse_unknown(plan, ["tables", argument])
    assert str(refused.value).startswith(f"{argument} is not made here")
    assert hint in str(refused.value)


def test_whatever_is_published_and_what_is_no_exhibit_passes(plan: Plan, tmp_path: Path) -> None:
    tables = [f"tables/{name}.{end}" for name in plan.lookup.tables for end in ("csv", "md", "tex", "cells.csv")]
    figures = [f"figures/{name}.{end}" for name in plan.lookup.figures for end in ("svg", "png")]
    claims = [
        f"tables/{paper}-claims.{end}" for paper in plan.lookup.claimed for end in ("csv", "md", "comparisons.csv")
    ]
    refuse_unknown(plan, [*tables, *figures, *claims])
    refuse_unknown(plan, ["audit", "tables", "figures", "evaluate", "results/demo/x/cells/y.csv"])


def test_the_cost_of_a_dry_run_is_of_what_is_asked_for(plan: Plan) -> None:
    assert asked_for(plan, ["figures/dual-figure6.svg", "tables/table3.cells.csv"]) == ["table3", "dual-figure6"]
    assert asked_for(plan, ["tables", "figures"]) == []
    advdrop = [name for name, (paper, _) in plan.lookup.tables.items() if paper == "advdrop"]
    assert asked_for(plan, ["tables/advdrop-claims.csv"]) == advdrop
