"""A table as heat maps: the paper's numbers beside ours, or ours in panels."""

from collections.abc import Mapping

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lacuna.language.codes import PERCENT, is_own
from lacuna.reporting.drawing.core.inputs import Files, Settings, cells_of
from lacuna.reporting.drawing.core.style import lay_out, page, styled
from lacuna.reporting.tables.marks import cell_marks, flag_letters

WIDTH, LINE = 9.5, 0.32  # inches; of the page, of a row
HEADS = 1.0  # inches for the names of columns


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: columns, a list of {column, panel}, where the table's are in panels. Files: cells (one)."""
    cells, note = cells_of(settings, files)
    panels = {column["column"]: column["panel"] for column in settings.get("columns", [])}
    return heatmap(cells, panels, settings["title"], note)


@styled
def heatmap(cells: pd.DataFrame, panels: Mapping[str, str], title: str, note: str) -> Figure:
    """One colour scale for all percentages; clean accuracy and numbers of other units stand apart, grey.

    ``panels`` maps columns to the panel they stand in, one below the other. Where it is empty the printed table and
    ours stand side by side. Each of a cell's ``flags`` (texts, "; " between them) is a letter, which the note explains;
    numbers with one are bold.
    """
    rows = list(dict.fromkeys(zip(cells["target"], cells["row"], strict=True)))
    flags = flag_letters(cells)
    figure = page(WIDTH, 1.6 + (LINE * len(rows) + HEADS) * max(1, len(set(panels.values()))))
    axes = _in_panels(figure, cells, panels, rows, flags) if panels else _beside_printed(figure, cells, rows, flags)
    metrics = dict.fromkeys(cells.loc[~_apart(cells), "metric"])
    label = ", ".join(metric if is_own(metric) else metric.replace("_", " ") for metric in metrics)
    figure.colorbar(axes[0].collections[0], ax=axes, label=f"{label} in percent", pad=0.01, aspect=40)
    meanings = "; ".join(f"{letter}: {flag}" for flag, letter in flags.items())
    return lay_out(figure, title, f"Marks: {meanings}.\n{note}" if flags else note)


def _beside_printed(
    figure: Figure, cells: pd.DataFrame, rows: list[tuple[str, str]], flags: Mapping[str, str]
) -> list[Axes]:
    first = cells.iloc[0]
    titles = {"printed": "paper (printed)", "value": f"ours: {first['dataset']}, scale {first['scale']}"}
    axes = list(figure.subplots(1, 2, sharey=True))
    for axis, (column, name) in zip(axes, titles.items(), strict=True):
        _panel(axis, cells, column, rows, flags if column == "value" else {})
        axis.set(title=name, xlabel="source of the adversarial examples", ylabel="")
    return axes


def _in_panels(
    figure: Figure,
    cells: pd.DataFrame,
    panels: Mapping[str, str],
    rows: list[tuple[str, str]],
    flags: Mapping[str, str],
) -> list[Axes]:
    names = list(dict.fromkeys(panels.values()))
    axes = list(figure.subplots(len(names), 1, squeeze=False)[:, 0])
    for axis, name in zip(axes, names, strict=True):
        _panel(axis, cells[cells["column"].map(panels) == name], "value", rows, flags)
        axis.set(title=name, xlabel="", ylabel="")
    return axes


def _panel(axis: Axes, cells: pd.DataFrame, column: str, rows: list[tuple[str, str]], flags: Mapping[str, str]) -> None:
    columns = list(dict.fromkeys(cells["column"]))
    numbers = cells.assign(number=cells[column].astype(float), text=_texts(cells, column, flags))
    values, written = (
        numbers.pivot(index=["target", "row"], columns="column", values=part).reindex(
            index=pd.MultiIndex.from_tuples(rows), columns=columns
        )
        for part in ("number", "text")
    )
    apart = set(cells.loc[_apart(cells), "column"])
    plain = [name in apart for name in columns]
    first = [i == 0 or rows[i - 1][0] != target for i, (target, _) in enumerate(rows)]
    labels = [row if leads else f"{row}  " for (_, row), leads in zip(rows, first, strict=True)]
    shared = {"annot": written, "fmt": "", "linewidths": 0.5, "yticklabels": labels, "ax": axis, "cbar": False}
    sns.heatmap(values, mask=values.isna() | plain, vmin=0, vmax=100, cmap="viridis", **shared)
    if any(plain):
        greys = sns.color_palette(["0.93"], as_cmap=True)
        sns.heatmap(values, mask=values.isna() | [not p for p in plain], cmap=greys, **shared)
    for i in range(1, len(rows)):
        if first[i]:
            axis.axhline(i, color="white", linewidth=3)
    for text in axis.texts:
        text.set_fontweight("bold" if text.get_text()[-1:].isalpha() else "normal")
    axis.tick_params(length=0)
    axis.set_xticks([i + 0.5 for i in range(len(columns))], columns, rotation=30, ha="right")
    axis.set_yticks([i + 0.5 for i in range(len(rows))], labels, rotation=0)


def _apart(cells: pd.DataFrame) -> pd.Series:
    """Which cells have no place on the scale of colours: clean accuracy, and what is no percentage."""
    return (cells["metric"] == "test_accuracy") | (cells["unit"] != PERCENT)


def _texts(cells: pd.DataFrame, column: str, flags: Mapping[str, str]) -> list[str]:
    """What stands in each cell: its number, and the letters of its flags."""
    pairs = zip(cells[column].astype(float), cell_marks(cells, flags), strict=True)
    return [f"{number:.1f} {marks}".strip() for number, marks in pairs]
