"""All answers of a target that draws go into a crate and come back, and its cells are verified by digest."""

from pathlib import Path

import numpy as np
import pandas as pd

from lacuna.crates.check import judge_cells
from lacuna.crates.members import _as_csv
from lacuna.crates.read import CrateTable
from lacuna.language.codes import Origin

ORIGIN = Origin("evaluate", "suite", "target")


def test_answers_come_back_as_they_were(tmp_path: Path) -> None:
    answers = list(np.random.default_rng(0).integers(0, 10, (5, 3)).astype(np.int16))
    frame = pd.DataFrame(
        {"attack": "a", "image": range(5), "source": "", "clean_answers": answers, "adversarial_answers": answers}
    )
    frame.to_parquet(path := tmp_path / "target.parquet")
    said = [{"folder": "demo", **ORIGIN._asdict(), "path": "a"}]
    table = CrateTable("t", pd.DataFrame(), {"outcomes": said}, "", {"files/a.csv": _as_csv(str(path))})
    back = table.load("demo", ORIGIN)
    for name in ("clean_answers", "adversarial_answers"):
        assert np.array_equal(np.stack(back[name].to_list()), np.stack(answers))


def test_a_cell_of_many_answers_is_verified_by_digest() -> None:
    cell = {"metric": "adversarial_accuracy", "suite": "s", "target": "t", "attack": "a", "source": ""}
    settings = {"cells": [cell], "outcomes": [], "dataset": "d"}
    records = {"cells.csv": {"stable": {"settings": settings}}}
    held = {"files/cells.csv": b"row,column,value,unit,n,answers,provenance\nr,c,50,percent,2,20,0\n"}
    assert list(judge_cells(held, records, "cells.csv")) == ["digest"]
