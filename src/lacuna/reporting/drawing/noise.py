"""Accuracy under additive Gaussian noise (Defective CNN, Figure 4)."""

import math
import re

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from lacuna.numbers.spread import by_training
from lacuna.reporting.drawing.core.inputs import Files, Settings, cells_of
from lacuna.reporting.drawing.core.style import PAGE_WIDTH, lay_out, page, styled
from lacuna.reporting.drawing.core.trainings import points_of_trainings, rule_of_points

RULE = (
    "Accuracy is over images that every network gets right without noise, so it is 100 % at 0 by choice of the "
    "images. Bands: 95 % Wilson intervals. Noise is clipped at two standard deviations."
)


def draw(settings: Settings, files: Files) -> Figure:
    """Files: cells (one), with columns of attacks gaussian_s<sigma>."""
    cells, note = cells_of(settings, files)
    return noise(cells, settings["title"], note)


@styled
def noise(cells: pd.DataFrame, title: str, note: str) -> Figure:
    """One line per row of ``cells`` over the columns that are Gaussian noise; others are left out.

    The standard deviation is read from the attack's code, ``gaussian_s<sigma>`` on the 0..255 scale.
    """
    points = noise_points(cells)
    figure = page(PAGE_WIDTH * 0.75, 3.6)
    axis = figure.subplots()
    names = list(dict.fromkeys(points["network"]))
    palette = dict(zip(names, sns.color_palette("colorblind", len(names)), strict=True))
    shared = {"x": "sigma", "y": "value", "hue": "network", "style": "network", "palette": palette}
    sns.lineplot(points, **shared, markers=True, dashes=False, estimator=None, ax=axis)
    for name, line in points.groupby("network", sort=False):
        axis.fill_between(line["sigma"], line["ci_low"], line["ci_high"], color=palette[name], alpha=0.2, linewidth=0)
    for single in map(noise_points, by_training(cells)):
        points_of_trainings(axis, single["sigma"], single["value"], [palette[name] for name in single["network"]])
    axis.set(xlabel="standard deviation of the noise, in 1/255 of the pixel range", ylabel="accuracy in percent")
    lowest = 10 * math.floor(max(0, points["ci_low"].min() - 5) / 10)
    axis.set(xlim=(-0.03 * points["sigma"].max(), None), ylim=(lowest, 100 + 0.03 * (100 - lowest)))
    axis.grid(alpha=0.3)
    axis.legend(title=None, frameon=False)
    return lay_out(figure, title, f"{rule_of_points(cells, RULE)}\n{note}")


def noise_points(cells: pd.DataFrame) -> pd.DataFrame:
    """Columns network, sigma, value, ci_low, ci_high (percent), in ascending sigma, with the clean point at 0."""
    sigma = cells["attack"].map(_sigma)
    points = cells.assign(network=cells["row"], sigma=sigma)[sigma.notna()]
    clean = points.drop_duplicates("network").assign(sigma=0.0, value=100.0, ci_low=100.0, ci_high=100.0)
    order = {name: i for i, name in enumerate(clean["network"])}
    whole = pd.concat([clean, points])[["network", "sigma", "value", "ci_low", "ci_high"]]
    return whole.sort_values(["network", "sigma"], key=lambda c: c.map(order) if c.name == "network" else c)


def _sigma(attack: str) -> float | None:
    match = re.fullmatch(r"gaussian_s([0-9.]+)", attack)
    return float(match[1]) if match else None
