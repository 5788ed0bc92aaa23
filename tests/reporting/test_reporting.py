"""Renderings of cells: the wide CSV, Markdown, LaTeX, the pattern against the paper, and figures."""

import io
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lacuna.files.escapes import for_latex
from lacuna.numbers.cells import CELL_COLUMNS
from lacuna.reporting.drawing.core.style import save
from lacuna.reporting.drawing.heatmap import heatmap
from lacuna.reporting.tables.pattern import (
    Pattern,
    compare_with_paper,
    means_by_variant,
    pattern_sentences,
    plural_metric,
)
from lacuna.reporting.tables.render import table_latex, table_markdown, wide_table

COLUMN_NAMES = ["ResNet-18", "ResNet-50", "DenseNet-121", "SENet-18", "VGG-19", "Test Accuracy"]
NO_REPRODUCTION = "no reproduction of the printed numbers"
TITLE, PAPER = "Defense rates, 100 % & more", "Defective_Networks"


@pytest.fixture(scope="session")
def printed(root: Path) -> pd.DataFrame:
    """The printed Table 3; empty fields are empty texts."""
    whole = pd.read_csv(root / "data/printed/defective.csv", keep_default_na=False)
    return whole[whole["table"] == 3]


def cells_of(
    printed: pd.DataFrame, ours: Callable[[pd.Series], pd.Series], *, comparable: bool = False, margin: float = 0.01
) -> pd.DataFrame:
    """Cells of Table 3 as read from their artefact, with values that ``ours`` makes of the printed ones."""
    paper = printed["value"].astype(float)
    value = ours(paper)
    made = {
        "exhibit": "table3",
        "value": value,
        "n": 480,
        "ci_low": value - margin,
        "ci_high": value + margin,
        "printed": paper,
        "difference": (value - paper).round(4) if comparable else None,
        "dataset": "cifar10" if comparable else "fashion-mnist-subset",
        "scale": "paper" if comparable else "demo",
        "seeds": 1,
        "provenance": "0123456789abcdef",
    }
    frame = printed.drop(columns=["value", "table"]).assign(**made).reindex(columns=CELL_COLUMNS)
    return pd.read_csv(io.StringIO(frame.to_csv(index=False)))


@pytest.fixture
def cells(printed: pd.DataFrame) -> pd.DataFrame:
    """A demo's cells: half of the printed values, none of row 2, column 1."""
    frame = cells_of(printed, lambda paper: paper / 2)
    frame.loc[6, ["value", "ci_low", "ci_high"]] = np.nan
    frame.loc[6, "n"] = 0
    return frame


@pytest.fixture
def comparable(printed: pd.DataFrame) -> pd.DataFrame:
    """Cells on the paper's dataset, a quarter of a point above the printed values."""
    return cells_of(printed, lambda paper: paper + 0.25, comparable=True)


# Tables ----------------------------------------------------------------------------------------------------


def test_the_wide_table_has_the_rows_and_columns_of_the_paper(cells: pd.DataFrame, printed: pd.DataFrame) -> None:
    table = wide_table(cells)
    assert list(table.columns) == ["target", "row", *COLUMN_NAMES, "dataset", "scale"]
    rows = printed[["target", "row"]].drop_duplicates().to_numpy().tolist()
    assert table[["target", "row"]].to_numpy().tolist() == rows
    assert len(rows) == 15
    assert set(table["dataset"]) == {"fashion-mnist-subset"}
    assert set(table["scale"]) == {"demo"}


def test_the_wide_table_has_every_value_with_two_decimals(cells: pd.DataFrame) -> None:
    texts = wide_table(cells)[COLUMN_NAMES].to_numpy().ravel()
    expected = ["" if np.isnan(value) else f"{value:.2f}" for value in cells["value"]]
    assert texts.tolist() == expected
    assert expected[6] == ""
    assert len(expected) == 90


def test_the_published_csv_has_no_word_for_a_missing_value(cells: pd.DataFrame) -> None:
    lines = wide_table(cells).to_csv(index=False).splitlines()
    assert lines[0] == ",".join(["target", "row", *COLUMN_NAMES, "dataset", "scale"])
    assert lines[2].startswith("resnet18,0.5-Bottom,,")
    assert not re.search(r"(?i)\b(nan|none)\b", "\n".join(lines))


def test_the_order_is_that_of_the_cells_and_not_the_alphabets(cells: pd.DataFrame) -> None:
    table = wide_table(cells.iloc[::-1])
    assert list(table.columns) == ["target", "row", *COLUMN_NAMES[::-1], "dataset", "scale"]
    assert table["row"].tolist() == wide_table(cells)["row"].tolist()[::-1]


def body(text: str) -> list[list[str]]:
    """The cells of the lines of a Markdown table, head first."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert set(lines.pop(1)) == {"|", "-"}
    return [[part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_markdown_shows_paper_ours_and_a_dash_for_a_demo(cells: pd.DataFrame) -> None:
    head, *rows = body(table_markdown(cells, TITLE, PAPER))
    assert head == ["target", "row", *COLUMN_NAMES]
    assert [len(row) for row in rows] == [8] * 15
    assert rows[0][:3] == ["resnet18", "ResNet-18", r"5.98 \| 2.99 \| -"]
    assert rows[1][2] == r"53.89 \|  \| -"
    texts = [text for row in rows for text in row[2:]]
    assert [text.split(r" \|")[0] for text in texts] == [f"{value:.2f}" for value in cells["printed"]]


def test_markdown_shows_the_signed_difference_where_there_is_one(comparable: pd.DataFrame) -> None:
    comparable.loc[1, ["value", "difference"]] = [0.44, -0.5]
    _, first, *_ = body(table_markdown(comparable, TITLE, PAPER))
    assert first[2:4] == [r"5.98 \| 6.23 \| +0.25", r"0.94 \| 0.44 \| -0.50"]


def test_markdown_of_a_demo_says_that_it_is_no_reproduction(cells: pd.DataFrame) -> None:
    text = table_markdown(cells, TITLE, PAPER)
    assert text.startswith(f"# table3: {TITLE}\n")
    assert "Scale **demo**, dataset **fashion-mnist-subset**" in text
    assert NO_REPRODUCTION in text
    assert PAPER in text


def test_markdown_of_the_papers_setting_does_not_say_so(comparable: pd.DataFrame) -> None:
    text = table_markdown(comparable, TITLE, PAPER)
    assert "Scale **paper**, dataset **cifar10**" in text
    assert NO_REPRODUCTION not in text


def test_markdown_says_so_where_only_the_clean_column_can_be_compared(comparable: pd.DataFrame) -> None:
    attacked = comparable["metric"] == "defense_rate"  # another attack than the paper's, on the paper's dataset
    assert NO_REPRODUCTION in table_markdown(
        comparable.assign(difference=comparable["difference"].mask(attacked)), TITLE, PAPER
    )


def test_markdown_without_printed_numbers_has_ours_alone_and_its_own_warning(cells: pd.DataFrame) -> None:
    own = cells.assign(printed=None, difference=None)
    text = table_markdown(own, TITLE, PAPER)
    assert "Each cell: ours, in percent" in text
    assert body(text)[1][2:] == wide_table(own).iloc[0, 2:-2].tolist()
    assert "this is no reproduction of its results" in text
    assert "no reproduction" not in table_markdown(own.assign(scale="paper"), TITLE, PAPER)


def test_a_row_whose_columns_have_targets_of_their_own_stands_once(cells: pd.DataFrame) -> None:
    part = cells[cells["target"] == "resnet18"].copy()
    part.loc[part["column"] == "VGG-19", "target"] = "vgg19"
    frame = wide_table(part)
    assert frame["row"].tolist() == list(dict.fromkeys(part["row"]))
    assert set(frame["target"]) == {"resnet18, vgg19"}
    assert "" not in frame["VGG-19"].tolist()[:1]


def test_markdown_ends_with_the_pattern_and_the_counts(cells: pd.DataFrame) -> None:
    text = table_markdown(cells, TITLE, PAPER)
    assert all(f"\n* {line}\n" in text for line in pattern_sentences(cells))
    assert "over 0 to 480 images" in text
    assert "table3.cells.csv" in text


@pytest.mark.parametrize("character", "&%$#_{}~^\\")
def test_special_characters_are_escaped_for_latex(character: str) -> None:
    bare = re.sub(r"\\(text[a-z]+(\{\}| )|[&%$#_{}]|[~^]\{\})", "", for_latex(f"a{character}b"))
    assert bare == "ab"


def test_other_characters_are_left_alone_for_latex() -> None:
    assert for_latex("0.5-Bottom (p), q/r = 16") == "0.5-Bottom (p), q/r = 16"


def test_a_backslash_is_escaped_once_for_latex() -> None:
    assert for_latex(r"a\b").replace("{}", " ") == r"a\textbackslash b"


def test_latex_has_booktabs_rules_and_every_cell(cells: pd.DataFrame) -> None:
    lines = table_latex(cells, TITLE, PAPER).splitlines()
    top, mid, bottom = (lines.index(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    rows = [line.removesuffix(r" \\").split(" & ") for line in lines[mid + 1 : bottom]]
    assert all(line.endswith(r" \\") for line in lines[top + 1 : mid] + lines[mid + 1 : bottom])
    assert lines[top + 1 : mid] == [" & ".join(["target", "row", *COLUMN_NAMES]) + r" \\"]
    assert rows == wide_table(cells)[["target", "row", *COLUMN_NAMES]].to_numpy().tolist()
    assert r"\begin{tabular}{llrrrrrr}" in lines


def test_latex_names_scale_and_dataset_and_closes_what_it_opens(cells: pd.DataFrame) -> None:
    text = table_latex(cells, TITLE, PAPER)
    caption = r"\caption{Defense rates, 100 \% \& more (Defective\_Networks). "
    assert f"{caption}Scale demo, dataset fashion-mnist-subset; percent.}}" in text
    assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)[::-1] == ["table", "tabular"]


# Pattern ---------------------------------------------------------------------------------------------------


def test_the_printed_values_agree_fully_with_themselves(printed: pd.DataFrame) -> None:
    found = compare_with_paper(cells_of(printed, lambda paper: paper))
    assert found == Pattern(cells=75, rank_correlation=pytest.approx(1), pairs=75, agree=75, clear=75, clear_agree=75)


def test_reversed_values_agree_nowhere(printed: pd.DataFrame) -> None:
    found = compare_with_paper(cells_of(printed, lambda paper: 100 - paper))
    assert found == Pattern(cells=75, rank_correlation=pytest.approx(-1), pairs=75, agree=0, clear=75, clear_agree=0)


def test_equal_values_are_no_agreement_and_not_clear(printed: pd.DataFrame) -> None:
    found = compare_with_paper(cells_of(printed, lambda paper: 0 * paper + 50))
    assert found is not None
    assert (found.pairs, found.agree, found.clear, found.clear_agree) == (75, 0, 0, 0)
    assert np.isnan(found.rank_correlation)


def test_wide_intervals_make_pairs_unclear_but_not_disagree(printed: pd.DataFrame) -> None:
    found = compare_with_paper(cells_of(printed, lambda paper: paper, margin=60))
    assert found is not None
    assert (found.agree, found.clear, found.clear_agree) == (75, 0, 0)


def test_cells_without_value_are_left_out_of_the_pattern(cells: pd.DataFrame) -> None:
    found = compare_with_paper(cells)
    assert found is not None
    assert (found.cells, found.pairs, found.agree) == (74, 73, 73)  # the empty cell was in two pairs


def test_one_pair_turned_around_is_one_disagreement(printed: pd.DataFrame) -> None:
    cells = cells_of(printed, lambda paper: paper)
    names = ["value", "ci_low", "ci_high"]
    cells.loc[[6, 12], names] = cells.loc[[12, 6], names].to_numpy()  # 0.5 and 0.3-Bottom of ResNet-18
    found = compare_with_paper(cells)
    assert found is not None
    assert (found.agree, found.clear_agree) == (74, 74)


def test_there_is_no_pattern_without_printed_values(cells: pd.DataFrame) -> None:
    assert compare_with_paper(cells.assign(printed=np.nan)) is None
    assert compare_with_paper(cells[cells["metric"] == "test_accuracy"]) is None
    assert pattern_sentences(cells.assign(printed=np.nan)) == ["No cell has a printed value to compare with."]


def test_means_are_those_printed_in_the_design(printed: pd.DataFrame) -> None:
    means = means_by_variant(cells_of(printed, lambda paper: paper / 2))
    assert means["printed"].round(1).to_dict() == {"standard": 15.7, "bottom 0.5": 51.8, "bottom 0.3": 72.8}
    np.testing.assert_allclose(means["value"], means["printed"] / 2)


def test_the_summary_states_means_agreement_and_correlation(printed: pd.DataFrame) -> None:
    means, pairs, rank = pattern_sentences(cells_of(printed, lambda paper: paper))
    assert "standard 15.7 (paper 15.7); bottom 0.5 51.8 (paper 51.8); bottom 0.3 72.8 (paper 72.8)" in means
    assert "in 75 of 75 pairs" in pairs
    assert "of the 75 pairs whose 95 % intervals do not overlap, in 75" in pairs
    assert "75 printed defense rates: 1.00" in rank


def test_the_summary_is_the_same_for_cells_in_memory(cells: pd.DataFrame) -> None:
    # compute_cells gives texts, empty for a network without masks; a file gives numbers and NaN
    in_memory = cells.assign(keep_prob=cells["keep_prob"].astype(object).fillna("").astype(str))
    assert set(in_memory["keep_prob"]) == {"", "0.5", "0.3"}
    assert pattern_sentences(in_memory) == pattern_sentences(cells)


# Figures ---------------------------------------------------------------------------------------------------


@pytest.fixture
def few(cells: pd.DataFrame) -> pd.DataFrame:
    """The first three rows, one of them with an empty cell."""
    return cells[cells["target"] == "resnet18"].copy()


def drawn(cells: pd.DataFrame, path: Path, title: str = "Table 3") -> bytes:
    save(heatmap(cells, {}, title, "A note"), str(path))
    return path.read_bytes()


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_same_cells_give_the_same_figure(few: pd.DataFrame, tmp_path: Path, ending: str) -> None:
    first = drawn(few, tmp_path / f"one.{ending}")
    assert first == drawn(few.copy(), tmp_path / f"two.{ending}")
    other = few.assign(value=few["value"].where(few.index != 0, 99.0))
    assert first != drawn(other, tmp_path / f"three.{ending}")


def test_an_svg_holds_no_date(few: pd.DataFrame, tmp_path: Path) -> None:
    text = drawn(few, tmp_path / "figure.svg").decode()
    assert text.startswith("<?xml")
    assert "dc:date" not in text
    assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_a_png_holds_neither_date_nor_software(few: pd.DataFrame, tmp_path: Path) -> None:
    content, at, kinds = drawn(few, tmp_path / "figure.png"), 8, []
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    while at < len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        kinds.append(kind)
        at += 12 + length
    assert set(kinds) <= {b"IHDR", b"pHYs", b"IDAT", b"IEND"}


def test_a_table_without_clean_column_or_of_one_row_is_drawn(few: pd.DataFrame, tmp_path: Path) -> None:
    attacked = few[few["metric"] == "defense_rate"]
    assert drawn(attacked, tmp_path / "attacked.svg")
    assert drawn(attacked[attacked["row"] == "ResNet-18"], tmp_path / "row.svg")


# Notes ---------------------------------------------------------------------------------------------------


def test_notes_stand_below_the_markdown_and_in_the_caption(cells: pd.DataFrame) -> None:
    notes = ["Half of it is clipped.", "50 % is quoted."]
    text = table_markdown(cells, TITLE, PAPER, notes)
    assert [line for line in text.splitlines() if line.startswith("*")][:2] == [f"* {note}" for note in notes]
    assert "Half of it is clipped. 50 \\% is quoted." in table_latex(cells, TITLE, PAPER, notes)


def test_a_column_without_any_number_is_named(cells: pd.DataFrame) -> None:
    column = cells["column"].iloc[0]
    empty = cells.assign(value=cells["value"].where(cells["column"] != column))
    said = f'No number could be had for "{column}";'
    assert said in table_markdown(empty, TITLE, PAPER)
    assert "No number could be had" not in table_markdown(cells, TITLE, PAPER)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("defense_rate", "defense rates"),
        ("bounded_accuracy", "bounded accuracies"),
        ("bounded_accuracy_8bit", "bounded accuracies (8 bit)"),
        ("psnr", "psnr"),
    ],
)
def test_a_note_names_metrics_in_words(metric: str, words: str) -> None:
    assert plural_metric(metric) == words
