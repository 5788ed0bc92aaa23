"""What a user asks for by a name that does not exist is one sentence, before anything is planned."""

from pathlib import Path

import pytest

from lacuna.config.load import load
from lacuna.errors import LacunaError
from lacuna.plan.names import named_exhibit, refuse_unknown
from lacuna.plan.plan import Plan
from lacuna.plan.presence import asked_for

CHOSEN = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}


@pytest.fixture(scope="module")
def plan(root: Path) -> Plan:
    return Plan(load(root, CHOSEN))


@pytest.mark.parametrize(
    ("argument", "hint"),
    [
        ("tables/tabel3.csv", " (did you mean tables/table3.csv?);"),
        ("figures/dual-figure6.pdf", " (did you mean figures/dual-figure6.svg?);"),
        ("figures/table3.svg", " (did you mean figures/defective-table3.svg?);"),
        ("table3", " (did you mean tables/table3.csv?);"),
        ("dual-figure6", " (did you mean tables/dual-figure6.csv or figures/dual-figure6.svg?);"),
        ("tables/zzzzzzzzzz.csv", " is not made here;"),
        ("tables/defective-claim.csv", " (did you mean tables/defective-claims.csv?);"),
        ("table3.csv", " (did you mean tables/table3.csv?);"),
        ("table3.md", " (did you mean tables/table3.md?);"),
        ("tabel3.csv", " (did you mean tables/table3.csv?);"),
        ("defective-figur5", " (did you mean figures/defective-figure5.svg?);"),
        ("tables/table3", " (did you mean tables/table3.csv?);"),
        ("tables/Table3.csv", " (did you mean tables/table3.csv?);"),
        ("./tables/table3.csv", " (did you mean tables/table3.csv?);"),
        ("tabels/table3.csv", " (did you mean tables/table3.csv?);"),
        ("table/table3.csv", " (did you mean tables/table3.csv?);"),
        ("figure/defective-figure5.png", " (did you mean figures/defective-figure5.png?);"),
        ("tables/", " (did you mean tables?);"),
        ("figures/", " (did you mean figures?);"),
        (
            "figures/figure3.svg",
            " (did you mean figures/advdrop-figure3.svg, figures/defective-figure3.svg or figures/dual-figure3.svg?);",
        ),
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
    refuse_unknown(plan, ["reports/audit.html", "results/tables/table3.csv", "my-results/table3.csv"])
    refuse_unknown(plan, ["table", "figure", "train_resnet18", "publish_table", "code_table", "report.html", "all"])


def test_a_path_from_elsewhere_to_a_table_of_this_folder_is_named_as_it_is_here(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the file lies there: Snakemake would take it for one that no rule makes, and do nothing."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        with pytest.raises(LacunaError, match=r"is not made here \(did you mean tables/table3.csv\?\)"):
            refuse_unknown(plan, [str(tmp_path / "tables/table3.csv")])
        (tmp_path / "tables").mkdir(exist_ok=True)
        (tmp_path / "tables/table3.csv").touch()
    refuse_unknown(plan, ["/elsewhere/tables/table3.csv"])


@pytest.mark.parametrize("text", ["table3", "tables/table3.csv", "tables/table3.cells.csv", "./tables/table3.md"])
def test_an_exhibit_is_named_by_its_name_or_by_a_file_of_it(plan: Plan, text: str) -> None:
    assert named_exhibit(plan, text) == "table3"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tabel3", "tabel3 is no table or figure (did you mean table3?);"),
        ("figure6", "figure6 is no table or figure (did you mean dual-figure6 or defective-figure6?);"),
        ("figures/table3.svg", "figures/table3.svg is no table or figure (did you mean defective-table3?);"),
        ("defective-claims", "defective-claims is no table or figure; "),
        ("qqqqqqqq", "qqqqqqqq is no table or figure; "),
    ],
)
def test_an_exhibit_that_is_none_is_named_with_the_nearest_ones(plan: Plan, text: str, says: str) -> None:
    with pytest.raises(LacunaError) as refused:
        named_exhibit(plan, text)
    assert str(refused.value).startswith(says)


def test_the_cost_of_a_dry_run_is_of_what_is_asked_for(plan: Plan) -> None:
    assert asked_for(plan, ["figures/dual-figure6.svg", "tables/table3.cells.csv"]) == ["table3", "dual-figure6"]
    assert asked_for(plan, ["tables", "figures"]) == []
    advdrop = [name for name, (paper, _) in plan.lookup.tables.items() if paper == "advdrop"]
    assert asked_for(plan, ["tables/advdrop-claims.csv"]) == advdrop
