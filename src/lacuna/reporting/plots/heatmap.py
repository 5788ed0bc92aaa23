"""A table as two heat maps: the paper's numbers and ours."""

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lacuna.reporting.plots.style import finish, page, styled


@styled
def heatmap(cells: pd.DataFrame, title: str, note: str) -> Figure:
    """The printed table and ours side by side, one colour scale for both; clean accuracy stands apart, grey."""
    rows = list(dict.fromkeys(zip(cells["target"], cells["row"], strict=True)))
    first = cells.iloc[0]
    titles = {"printed": "paper (printed)", "value": f"ours: {first['dataset']}, scale {first['scale']}"}
    figure = page(9.5, 0.32 * len(rows) + 1.6)
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (column, name) in zip(axes, titles.items(), strict=True):
        _panel(axis, cells, column, rows)
        axis.set(title=name, xlabel="source of the adversarial examples", ylabel="")
    figure.colorbar(axes[1].collections[0], ax=axes, label="defense rate in percent", pad=0.01, aspect=40)
    return finish(figure, title, note)


def _panel(axis: Axes, cells: pd.DataFrame, column: str, rows: list[tuple[str, str]]) -> None:
    columns = list(dict.fromkeys(cells["column"]))
    values = cells.pivot(index=["target", "row"], columns="column", values=column).astype(float)
    values = values.reindex(index=pd.MultiIndex.from_tuples(rows), columns=columns)
    clean = set(cells.loc[cells["metric"] == "test_accuracy", "column"])
    plain = [name in clean for name in columns]
    first = [i == 0 or rows[i - 1][0] != target for i, (target, _) in enumerate(rows)]
    labels = [row if leads else f"{row}  " for (_, row), leads in zip(rows, first, strict=True)]
    shared = {"annot": True, "fmt": ".1f", "linewidths": 0.5, "yticklabels": labels, "ax": axis, "cbar": False}
    sns.heatmap(values, mask=values.isna() | plain, vmin=0, vmax=100, cmap="viridis", **shared)
    if any(plain):
        greys = sns.color_palette(["0.93"], as_cmap=True)
        sns.heatmap(values, mask=values.isna() | [not p for p in plain], cmap=greys, **shared)
    for i in range(1, len(rows)):
        if first[i]:
            axis.axhline(i, color="white", linewidth=3)
    axis.tick_params(length=0)
    axis.set_xticks([i + 0.5 for i in range(len(columns))], columns, rotation=30, ha="right")
    axis.set_yticks([i + 0.5 for i in range(len(rows))], labels, rotation=0)
