"""Defense rate against clean accuracy over the keep probability (Defective CNN, Figure 5)."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lacuna.errors import LacunaError
from lacuna.numbers.spread import by_training
from lacuna.reporting.drawing.core.inputs import Files, Settings, cells_of
from lacuna.reporting.drawing.core.labels import label_places
from lacuna.reporting.drawing.core.style import BLUE, PAGE_WIDTH, VERMILLION, lay_out, page, styled
from lacuna.reporting.drawing.core.trainings import points_of_trainings, rule_of_points

COLUMNS = ["value", "ci_low", "ci_high", "printed"]
PANEL = 225.0, 145.0  # points, of one side between its axes
HIGHEST = 108  # percent, with room for labels above points at 100


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: attack, a code. Files: cells (one), with that attack and the clean accuracy of each row."""
    cells, note = cells_of(settings, files)
    return tradeoff(cells, settings["attack"], settings["title"], note)


@styled
def tradeoff(cells: pd.DataFrame, attack: str, title: str, note: str) -> Figure:
    """One point per keep probability, joined in its order; the paper's on the left, ours on the right.

    ``attack`` is the code of the column that gives the defense rate. Bars are 95 % Wilson intervals.
    """
    points = tradeoff_points(cells, attack)
    first = cells.iloc[0]
    figure = page(PAGE_WIDTH, 3.6)
    left, right = figure.subplots(1, 2, sharey=True)
    _curve(left, points, "printed", VERMILLION)
    _curve(right, points, "value", BLUE)
    for side in ("accuracy", "rate"):
        bars = points[[f"{side}_value"] * 2].to_numpy() - points[[f"{side}_ci_low", f"{side}_ci_high"]].to_numpy()
        sizes = {"xerr" if side == "accuracy" else "yerr": abs(bars.T)}
        right.errorbar(points["accuracy_value"], points["rate_value"], **sizes, fmt="none", ecolor=BLUE, alpha=0.4)
    for single in by_training(cells):
        ours = tradeoff_points(single, attack)
        points_of_trainings(right, ours["accuracy_value"], ours["rate_value"], [BLUE] * len(ours))
    left.set(title="paper (printed)", ylabel="defense rate in percent", ylim=(0, HIGHEST))
    right.set(title=f"ours: {first['dataset']}, scale {first['scale']}")
    _label(left, points, "printed")
    _label(right, points, "value")
    rule = f"Labels: keep probability p, 1 is the standard network. Attack {attack}. Bars: 95 % Wilson intervals."
    return lay_out(figure, title, f"{rule_of_points(cells, rule)}\n{note}")


def tradeoff_points(cells: pd.DataFrame, attack: str) -> pd.DataFrame:
    """One line per keep probability of standard and Bottom networks, descending; index p.

    Columns ``accuracy_`` and ``rate_`` with value, ci_low, ci_high, printed, in percent. Raises `LacunaError` where
    the cells have no such attack or no clean accuracy.
    """
    plain = cells[cells["variant"].isin(["standard", "bottom"])]
    keep = plain["keep_prob"].map(lambda p: 1.0 if pd.isna(p) or p == "" else float(p))
    parts = {
        "accuracy": plain["metric"] == "test_accuracy",
        "rate": (plain["metric"] == "defense_rate") & (plain["attack"] == attack),
    }
    for name, chosen in parts.items():
        if not chosen.any():
            exhibit = cells["exhibit"].iloc[0]
            raise LacunaError(f"{exhibit} has no {name} for a tradeoff under {attack}; name an attack of its columns")
    frames = [plain[chosen].set_index(keep[chosen])[COLUMNS].add_prefix(f"{n}_") for n, chosen in parts.items()]
    return frames[0].join(frames[1], how="inner").rename_axis("p").sort_index(ascending=False)


def _curve(axis: Axes, points: pd.DataFrame, column: str, colour: tuple[float, float, float]) -> None:
    axis.plot(points[f"accuracy_{column}"], points[f"rate_{column}"], "o-", color=colour, linewidth=0.8)
    axis.set_xlabel("clean test accuracy in percent")
    axis.grid(alpha=0.3)
    axis.margins(x=0.12)


def _label(axis: Axes, points: pd.DataFrame, column: str) -> None:
    """Writes the keep probabilities beside their points; the axis has its limits by now."""
    shown = points[[f"accuracy_{column}", f"rate_{column}"]].dropna()
    x, y = shown.to_numpy().T
    left, right = axis.get_xlim()
    texts = [f"{p:g}" for p in shown.index]
    offsets = label_places([*((x - left) / (right - left) * PANEL[0])], [*(y / HIGHEST * PANEL[1])], texts)
    for text, place, offset in zip(texts, zip(x, y, strict=True), offsets, strict=True):
        axis.annotate(text, place, xytext=offset, textcoords="offset points", ha="center", va="center")
