"""Renderings of tables that Table 3 does not stand for: distances, missing cells, no target, every printed table."""

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
from test_reporting import PAPER, TITLE, body

from lacuna.numbers.cells import CELL_COLUMNS
from lacuna.reporting.tables.pattern import pattern_sentences
from lacuna.reporting.tables.render import table_latex, table_markdown, wide_table


def cells_like(lines: list[dict[str, object]], metric: str, unit: str = "percent") -> pd.DataFrame:
    """Cells as read from their artefact; what a line does not say is empty."""
    shared = {"exhibit": "tableX", "metric": metric, "unit": unit, "n": 500, "dataset": "d", "scale": "demo"}
    frame = pd.DataFrame([shared | {"variant": line["row"], "attack": "a"} | line for line in lines])
    return pd.read_csv(io.StringIO(frame.reindex(columns=CELL_COLUMNS).to_csv(index=False)))


BOUNDARY = [
    {"target": "resnet18", "row": "Standard CNN", "column": "S(M)", "value": 1.23456e-5, "printed": 7.3e-6},
    {"target": "resnet18", "row": "Defective CNN", "column": "S(M)", "value": 4.2e-5, "printed": 3.5e-5},
]


def test_distances_are_in_scientific_notation_in_every_rendering() -> None:
    cells = cells_like(BOUNDARY, "boundary_score", "median_squared_l2_per_pixel").assign(difference=[5.0456e-6, np.nan])
    assert wide_table(cells)["S(M)"].tolist() == ["1.23e-05", "4.20e-05"]
    assert body(table_markdown(cells, TITLE, PAPER))[1][2] == r"7.30e-06 \| 1.23e-05 \| +5.05e-06"
    text = table_markdown(cells, TITLE, PAPER)
    assert "ours | difference, in squared l2 distance per value" in text
    assert "Mean boundary score: Standard CNN 1.2e-05 (paper 7.3e-06)" in text
    assert "Boundary scores are over 500 images each" in text
    assert "percent" not in text
    assert "Wilson" not in text
    assert "percent" not in table_latex(cells, TITLE, PAPER)


RAGGED = [
    {"target": "wrn32_4", "row": "Standard CNN", "column": "FGSM", "value": 50.0, "printed": 52.88},
    {"target": "wrn32_4", "row": "Standard CNN", "column": "PGD", "value": 20.0, "printed": 15.98},
    {"target": "wrn32_4", "row": "Thermometer(16)", "column": "FGSM", "value": 80.0, "printed": None},
    {"target": "wrn32_4", "row": "Thermometer(16)", "column": "PGD", "value": None, "printed": 88.25, "n": 0},
    {"target": "wrn32_4", "row": "Defective CNN", "column": "PGD", "value": 85.0, "printed": 88.43},
]


def test_cells_that_are_missing_here_or_there_are_shown_as_such() -> None:
    cells = cells_like(RAGGED, "adversarial_accuracy")
    _, standard, thermometer, defective = body(table_markdown(cells, TITLE, PAPER))
    assert standard[2:] == [r"52.88 \| 50.00 \| -", r"15.98 \| 20.00 \| -"]
    assert thermometer[2:] == [r"- \| 80.00 \| -", r"88.25 \|  \| -"]
    assert defective[2:] == ["-", r"88.43 \| 85.00 \| -"]
    assert wide_table(cells)["FGSM"].tolist() == ["50.00", "80.00", ""]
    assert wide_table(cells)["PGD"].tolist() == ["20.00", "", "85.00"]
    assert "wrn32\\_4 & Defective CNN & - & 85.00" in table_latex(cells, TITLE, PAPER)
    assert not re.search(r"(?i)\bnan\b", table_markdown(cells, TITLE, PAPER) + table_latex(cells, TITLE, PAPER))


def test_a_summary_names_the_metric_of_its_table() -> None:
    means, _, rank = pattern_sentences(cells_like(RAGGED, "adversarial_accuracy"))
    assert means.startswith("Mean adversarial accuracy in percent: Standard CNN 35.0 (paper 34.4)")
    assert "with the 3 printed adversarial accuracies" in rank


def test_a_table_that_names_no_target_has_an_empty_column() -> None:
    lines = [line | {"target": None} for line in RAGGED[:2]]
    cells = cells_like([*lines, RAGGED[4]], "defense_rate")
    table = wide_table(cells)
    assert table[["target", "row"]].to_numpy().tolist() == [["", "Standard CNN"], ["wrn32_4", "Defective CNN"]]
    assert table["PGD"].tolist() == ["20.00", "85.00"]


def test_a_row_printed_twice_is_shown_once() -> None:
    cells = cells_like([*RAGGED[:2], *RAGGED[:2]], "defense_rate")
    assert len(wide_table(cells)) == 1
    assert len(body(table_markdown(cells, TITLE, PAPER))) == 2


def test_every_printed_table_can_be_rendered(root: Path) -> None:
    printed = pd.read_csv(root / "data/printed/defective.csv", keep_default_na=False)
    for number, lines in printed.groupby("table"):
        made = {"exhibit": f"table{number}", "printed": lines["value"], "n": 500, "dataset": "d", "scale": "demo"}
        cells = lines.assign(**made).reindex(columns=CELL_COLUMNS)
        cells = pd.read_csv(io.StringIO(cells.to_csv(index=False)))
        shape = lines.drop_duplicates(["target", "row"]).shape[0], lines["column"].nunique()
        assert wide_table(cells).shape == (shape[0], shape[1] + 4)
        head, *rows = body(table_markdown(cells, TITLE, PAPER))
        assert (len(rows), len(head)) == (shape[0], shape[1] + 2)
        assert table_latex(cells, TITLE, PAPER).count(r" \\") == shape[0] + 1
