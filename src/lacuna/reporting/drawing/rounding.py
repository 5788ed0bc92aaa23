"""The rounding that AdvDrop can differentiate, for several softnesses alpha, and its derivative."""

from collections.abc import Mapping

import numpy as np
import seaborn as sns
import torch
from matplotlib.figure import Figure

from lacuna.attacks.advdrop import soft_round
from lacuna.reporting.drawing.core.inputs import Files, Settings, note_for
from lacuna.reporting.drawing.core.style import GREY, PAGE_WIDTH, lay_out, page, styled

RULE = (
    "alpha falls from step to step of the attack; dashed: hard rounding, whose derivative is 0. The soft one is exact "
    "at the integers. Drawn from the function that the attack uses, no data."
)


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: alphas, a list of numbers in (0, 1). Files: none."""
    values = torch.linspace(-0.5, 2.5, 601, dtype=torch.float64)
    curves = {}
    for alpha in settings["alphas"]:
        rounded, slope = soft_round(values, alpha)
        curves[alpha] = rounded.numpy(), slope.numpy()
    return rounding(values.numpy(), curves, settings["title"], note_for(settings))


@styled
def rounding(
    values: np.ndarray, curves: Mapping[float, tuple[np.ndarray, np.ndarray]], title: str, note: str
) -> Figure:
    """Left the rounded ``values`` (N,), ascending, right the derivative; ``curves`` maps alpha to both."""
    figure = page(PAGE_WIDTH, 3.6)
    left, right = figure.subplots(1, 2)
    left.plot(values, np.round(values), color=GREY, linestyle="--", linewidth=1, label="hard")
    for (alpha, (rounded, slope)), colour in zip(
        curves.items(), sns.color_palette("colorblind", len(curves)), strict=True
    ):
        left.plot(values, rounded, color=colour, linewidth=1.2, label=f"alpha {alpha:g}")
        right.plot(values, slope, color=colour, linewidth=1.2)
    left.set(xlabel="coefficient divided by its table entry", ylabel="rounded", title="soft rounding")
    right.set(
        xlabel="coefficient divided by its table entry", ylabel="derivative", title="its derivative", ylim=(0, None)
    )
    left.legend(frameon=False)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    return lay_out(figure, title, f"{RULE}\n{note}")
