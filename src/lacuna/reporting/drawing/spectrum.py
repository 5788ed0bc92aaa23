"""Which frequencies an attack takes from images, and which it adds (AdvDrop: what is dropped)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.fft import dctn

from lacuna.files.artefacts import read_tensors
from lacuna.reporting.drawing.core.inputs import Files, Settings, note_for, rule_for, sets_of
from lacuna.reporting.drawing.core.style import PAGE_WIDTH, lay_out, page, show, styled
from lacuna.reporting.examples import choose

SIDE = 8
BANDS = 2 * SIDE - 1
RULE = (
    "Left: energy of the images in each band of the 8 x 8 block DCT, summed over all images that fool the source under "
    "every attack, against the same images when clean; the band is the sum of both frequencies, 0 the mean of a block. "
    "Below 0 dB the attack takes energy away, above it adds some. Right: differences from the clean image, "
    "around grey, each as large as the scale allows."
)


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (a list of {label, attack}, attack a code). Files: images (the test set), adversarial
    (one set per row). The example is the first image, by class, whose examples fool every source."""
    data, sets = read_tensors(files["images"][0]), sets_of(settings, files)
    chosen = choose(sets)[:1]
    fooled = [one.fooled() for one in sets]
    common = np.array([i for i in fooled[0] if all(i in others for others in fooled)])
    pairs = {one.name: (data["images"].numpy()[common], one.at(common)[0]) for one in sets}
    example = data["images"][int(chosen[0])].numpy()
    change = {one.name: one.at(chosen)[0][0].astype(int) - example for one in sets}
    note = f"{rule_for(data, chosen, settings['classes'])}\n{note_for(settings)}"
    return spectrum(pairs, example, change, settings["title"], note)


@styled
def spectrum(
    pairs: Mapping[str, tuple[np.ndarray, np.ndarray]],
    example: np.ndarray,
    change: Mapping[str, np.ndarray],
    title: str,
    note: str,
) -> Figure:
    """One line per attack, and one image's differences.

    ``pairs`` maps an attack to clean and adversarial images uint8 (N, C, H, W); ``example`` is a clean image uint8
    (C, H, W) and ``change`` maps each attack to its change int (C, H, W).
    """
    figure = page(PAGE_WIDTH, 4.8)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[4.4, 2.6])[0]
    axis = left.subplots()
    palette = dict(zip(pairs, sns.color_palette("colorblind", len(pairs)), strict=True))
    for (name, (clean, adversarial)), marker in zip(pairs.items(), "osD^vP", strict=False):
        axis.plot(band_change(clean, adversarial), color=palette[name], marker=marker, label=name, linewidth=1.2)
    _dress(axis)
    tiles = right.subplots(1 + len(change), 1, squeeze=False)[:, 0]
    show(tiles[0], example)
    tiles[0].set_title("clean")
    for tile, (name, difference) in zip(tiles[1:], change.items(), strict=True):
        factor = 127 / max(1, int(np.abs(difference).max()))
        show(tile, (128 + difference * factor).astype(np.uint8))
        tile.set_title(f"{name}, {factor:.1f} times larger")
    return lay_out(figure, title, f"{RULE}\n{note}")


def band_energy(images: np.ndarray) -> np.ndarray:
    """Energy (15,) of images uint8 (N, C, H, W) by band: squared orthonormal DCT coefficients of all 8 x 8 blocks.

    Blocks start at the upper left; sides that are no multiple of 8 are padded with their edge.
    """
    below, beside = (-length % SIDE for length in images.shape[2:])
    padded = np.pad(images.astype(float), ((0, 0), (0, 0), (0, below), (0, beside)), mode="edge")
    n, channels, height, width = padded.shape
    blocks = padded.reshape(n, channels, height // SIDE, SIDE, width // SIDE, SIDE)
    energy = np.square(dctn(blocks, axes=(3, 5), norm="ortho")).sum((0, 1, 2, 4))
    band = np.add.outer(np.arange(SIDE), np.arange(SIDE))
    return np.bincount(band.ravel(), energy.ravel(), BANDS)


def band_change(clean: np.ndarray, adversarial: np.ndarray) -> np.ndarray:
    """Ratio of the two sets' energies (15,) in decibel; NaN where the clean images have none."""
    before, after = band_energy(clean), band_energy(adversarial)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(before > 0, 10 * np.log10(after / before), np.nan)


def _dress(axis: Axes) -> None:
    how: dict[str, Any] = {"color": "0.35", "linewidth": 1}
    axis.axhline(0, **how)
    axis.set(xlabel="band: horizontal + vertical frequency", ylabel="change of energy in dB")
    axis.set_xticks(range(0, BANDS, 2))
    axis.grid(alpha=0.3)
    axis.legend(frameon=False)
