"""The papers' printed numbers: every file can be read, and every number stands beside a cell of its paper's tables."""

from pathlib import Path

import pandas as pd
import pytest

from lacuna.claims.relations import load_claims
from lacuna.claims.verdicts import judge
from lacuna.config.load import load
from lacuna.files.contents import read_printed
from lacuna.language.codes import origin_of
from lacuna.numbers.cells import cell_identity, compute_cells
from lacuna.plan.plan import Plan

CHOSEN = {"scale": "paper", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
PRINTED = {"defective": 1679, "dual": 0, "advdrop": 22}  # lines; the dual paper prints no table
NOTHING = {
    **dict.fromkeys(("attack", "source"), pd.Series(dtype=object)),
    **dict.fromkeys(
        ("image", "label", "clean", "adversarial", "source_clean", "source_adversarial"), pd.Series(dtype=int)
    ),
    **dict.fromkeys(("relaxed", "hard", "wanted", "unrounded"), pd.Series(dtype=int)),
    **dict.fromkeys(("valid",), pd.Series(dtype=bool)),
    **dict.fromkeys(("distance", "distance_8bit", "radius"), pd.Series(dtype=float)),
}


@pytest.fixture(scope="module")
def plan(root: Path) -> Plan:
    return Plan(load(root, CHOSEN))


@pytest.mark.parametrize("paper", PRINTED)
def test_a_papers_file_is_read_and_its_claims_are_judged_by_it(root: Path, paper: str) -> None:
    printed = read_printed(str(root / f"data/printed/{paper}.csv"))
    assert len(printed) == PRINTED[paper]
    assert printed[["row", "column"]].notna().all(axis=None), "a column called None is a column"
    claims = load_claims(root, paper)
    verdicts, _ = judge(claims, pd.DataFrame(), [], printed)
    assert verdicts["id"].tolist() == [claim.id for claim in claims.claims]


@pytest.mark.parametrize("paper", PRINTED)
def test_every_printed_number_stands_beside_a_cell(root: Path, plan: Plan, paper: str) -> None:
    """Over no outcomes at all: what is printed does not depend on them."""
    printed = read_printed(str(root / f"data/printed/{paper}.csv"))
    for table, (owner, body) in plan.lookup.tables.items():
        theirs = printed[printed["table"] == body.get("printed")]
        if owner != paper or theirs.empty:
            continue
        cells = [vars(cell) | {"target": cell.target} for cell in plan.lookup.cells(table)]
        ensembles = {cell["model"]: plan.lookup.exhibits.members(cell["model"]) for cell in cells}
        ensembles = {name: members for name, members in ensembles.items() if members != [name]}
        ensembles |= {
            c["source"]: plan.lookup.exhibits.members(c["source"]) for c in cells if c["source"].startswith("ens")
        }
        settings = {"exhibit": table, "dataset": "d", "paper_dataset": "d", "scale": "paper", "cells": cells}
        origins = [origin_of(cell) for cell in cells]
        empty = pd.DataFrame(NOTHING | dict.fromkeys({cell["metric"] for cell in cells}, pd.Series(dtype=float)))
        found = compute_cells(
            settings | {"ensembles": ensembles}, dict.fromkeys(origins, empty), theirs, dict.fromkeys(origins, "0")
        )
        once = theirs.drop_duplicates(["row", "column", "target"])  # Table 5 prints a row twice
        found = found.drop_duplicates(["row", "column", "target"])
        assert sorted(found["printed"].dropna()) == sorted(once["value"]), table
        assert cell_identity(cells[0], ensembles)["row"] == theirs["row"].iloc[0]
