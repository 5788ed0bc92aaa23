"""The documents' example, a fourth paper by configuration alone, built at a scale of its own."""

import shutil
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from conftest import REPOSITORY

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

SCALE = """
extends: demo
width: 1/16
images: {madry: 20}
attacks:
  madry_pgd:
    budgets: # their names are those of the paper's
      - {epsilon: 8/255, step: 4/255, steps: 2, random_start: true}
      - {epsilon: 8/255, step: 4/255, steps: 4, random_start: true}
trainings:
  at: {attack: {step: 8/255, steps: 1}}
"""
TABLE, CLAIMS, FIGURE = "tables/madry-table2.csv", "tables/madry-claims.csv", "figures/madry-figure.svg"


@pytest.fixture
def tree(small: "Tree") -> "Tree":
    """The tiny configuration; the paper's files lie outside of it."""
    for path in (REPOSITORY / "docs/papers").glob("madry.*"):
        shutil.copy(path, small.root.parent / path.name)
    (small / "config/scales/mine.yaml").write_text(SCALE)
    return small


def test_a_fourth_paper_is_rebuilt_by_configuration(tree: "Tree") -> None:
    chosen = ("--config", "papers=../madry.yaml", "scale=mine")
    planned = tree.planned(TABLE, CLAIMS, FIGURE, *chosen)
    assert {rule: planned[rule] for rule in ("train_resnet18", "attack", "evaluate", "claims")} == {
        "train_resnet18": 2,
        "attack": 4,
        "evaluate": 2,
        "claims": 1,
    }
    tree.run(TABLE, CLAIMS, FIGURE, *chosen)
    cells = pd.read_csv(tree / "tables/madry-table2.cells.csv", keep_default_na=False)
    assert cells["printed"].tolist() == [87.3, 56.1, 50.0, 45.8, 67.0, 64.2]
    assert cells["attack"].tolist()[2:4] == ["pgd_e8_a4_t2_rs", "pgd_e8_a4_t4_rs"]
    assert set(cells["scale"]) == {"mine"}
    claims = pd.read_csv(tree / CLAIMS, keep_default_na=False).set_index("id")
    assert claims["comparisons"].to_dict() == {"MAD01": 2, "MAD02": 2}
    assert claims["printed_verdict"].to_dict() == dict.fromkeys(("MAD01", "MAD02"), "holds for these networks")
    assert (tree / FIGURE).stat().st_size > 1000
    assert tree.planned(TABLE, CLAIMS, FIGURE, *chosen) == {}
    tree.call("audit", "--cores", "1", *chosen)
    assert all(name in (tree / "reports/audit.html").read_text() for name in ("madry-table2", "madry-figure", "MAD02"))


def test_what_is_asked_for_is_refused_before_any_job(tree: "Tree") -> None:
    chosen = ("--config", "papers=../madry.yaml")
    (tree / "config/scales/bare.yaml").write_text("width: 1/16\n")
    said = tree.refused(TABLE, *chosen, "scale=bare")
    assert "config/scales/bare.yaml lacks keys that madry-table2 cannot do without: datasets.cifar10 (" in said
    assert "throughput.resnet18 (" in said
    claims = tree.root.parent / "madry.claims.yaml"
    claims.write_text(claims.read_text().replace("attack: madry_fgsm", "attack: madry_fgms"))
    said = tree.refused(TABLE, *chosen)
    assert "madry.claims.yaml, key claims.MAD01.compare[0], attack: 'madry_fgms' is not known; allowed: " in said
    assert not (tree / "results").exists()
