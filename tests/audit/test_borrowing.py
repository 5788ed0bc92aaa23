"""What the audit puts beside cells of one training: a spread that other cells lend, or the word that none do."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from forging import flip

from lacuna.audit.borrowing import KEYS, lend, spreads_line
from lacuna.files.artefacts import Record, write_frame

SEVERAL = 100 * np.random.default_rng(0).normal(0.5, 0.03, (6, 3))


def cells(values: Any, exhibit: str = "e") -> list[dict[str, Any]]:
    """Cells (networks, trainings), or of one training each where the values are (networks,)."""
    shared = {"row": "r", "column": "c", "keep_prob": "0.5", "variant": "bottom", "metric": "defense_rate"}
    shared |= {"unit": "percent", "n": 500}
    lines = [
        shared | {"id": f"{exhibit}-{i}", "target": f"net{i}", "value": float(np.mean(row)), "seeds": np.size(row)}
        for i, row in enumerate(values)
    ]
    several = np.ndim(values) == 2
    return [
        line | ({"seed_values": " ".join(map(str, row))} if several else {})
        for line, row in zip(lines, values, strict=True)
    ]


def exhibit(name: str, lines: list[dict[str, Any]], state: str = "built") -> dict[str, Any]:
    return {"id": name, "state": state, "dataset": "d", "cells": lines}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def commit(path: str) -> None:
    """A committed file of cells of several trainings, with its record."""
    frame = pd.DataFrame(cells(SEVERAL)).drop(columns="id")
    frame = frame.assign(dataset="d", scale="demo", exhibit="e", provenance="0", keep_prob=0.5)
    write_frame(
        path,
        frame.assign(source="", attack="pgd", ci_low=0, ci_high=1, printed=np.nan, difference=np.nan),
        Record("cells", "{}"),
    )


def test_a_cell_of_one_training_borrows_from_a_table_of_several_whatever_its_state() -> None:
    one, other = exhibit("one", cells([50.0, 99.0])), exhibit("other", cells(SEVERAL), "stale")
    figure = exhibit("figure", [])
    lend([one, other, figure], "demo")
    first, last = one["cells"]
    assert 1.5 < first["borrowed_spread"] < 6
    assert first["borrowed_low"] < first["borrowed_spread"] < first["borrowed_high"]
    assert first["borrowed_from"] == "6 networks, 12 degrees of freedom: other (stale)"
    assert [last[key] for key in KEYS] == [None] * 4, "no cell is of like rate"
    assert not {*KEYS} & other["cells"][0].keys(), "what was measured is not borrowed"
    assert spreads_line([one, other]).startswith("2 numbers are of one training each. 1 of them borrow a spread")


def test_where_nothing_lends_nothing_is_added_and_that_is_said() -> None:
    one = exhibit("one", cells([50.0, 20.0]))
    before = [dict(cell) for cell in one["cells"]]
    lend([one], "demo")
    assert one["cells"] == before
    assert "2 numbers are of one training each. No spread over trainings is borrowed for them" in spreads_line([one])
    assert spreads_line([exhibit("several", cells(SEVERAL))]) == ""


def test_committed_cells_lend_by_their_file_unless_it_was_changed() -> None:
    path = "docs/results/demo/e.cells.csv"
    commit(path)
    for changed in (False, True):
        if changed:
            flip(path)
        one = exhibit("one", cells([50.0]))
        lend([one], "demo")
        said = one["cells"][0].get("borrowed_from")
        assert said == (None if changed else f"6 networks, 12 degrees of freedom: {path}")


def test_the_same_network_in_two_places_counts_once() -> None:
    commit("docs/results/demo/e.cells.csv")
    one, other = exhibit("one", cells([50.0])), exhibit("other", cells(SEVERAL))
    lend([one, other], "demo")
    assert one["cells"][0]["borrowed_from"].startswith("6 networks, 12 degrees of freedom: other, docs/results/")


def test_cells_that_no_job_writes_neither_lend_nor_stop_the_report() -> None:
    odd = [{**cell, "seed_values": "many"} for cell in cells(SEVERAL)]
    one = exhibit("one", [{key: v for key, v in cell.items() if key != "variant"} for cell in cells([50.0])])
    lend([one, exhibit("odd", odd)], "demo")
    assert not {*KEYS} & one["cells"][0].keys()
