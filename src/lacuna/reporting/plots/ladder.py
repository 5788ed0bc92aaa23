"""One image under growing budgets of several attacks (AdvDrop, Figure 2)."""

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from lacuna.reporting.plots.dropped import Sized
from lacuna.reporting.plots.style import LETTERS_PER_INCH, PAGE_WIDTH, bare, caption, finish, page, show, styled


@styled
def ladder(clean: Sized, rungs: Mapping[str, Sequence[Sized]], title: str, note: str) -> Figure:
    """One row per attack: the clean image, then that attack's images from the smallest budget to the largest.

    Above each image its budget's name and its sizes, below it the prediction.
    """
    across = 1 + max(len(line) for line in rungs.values())
    tile = min(1.4, PAGE_WIDTH / across)
    figure = page(max(4.5, tile * across), (tile + 0.75) * len(rungs) + 1.2)
    axes = figure.subplots(len(rungs), across, squeeze=False)
    letters = int(tile * LETTERS_PER_INCH)
    for line, (attack, views) in zip(axes, rungs.items(), strict=True):
        for axis in line:
            bare(axis)
        for axis, view in zip(line, [clean, *views], strict=False):
            show(axis, view.image)
            sizes = [f"{name} {size:,} B" for name, size in view.sizes.items()]
            axis.set_title("\n".join([textwrap.fill(view.name, letters), *sizes]), pad=2)
            caption(axis, textwrap.fill(view.predicted, letters - 4), right=view.right)
        line[0].set_ylabel(attack)
    return finish(figure, title, f"Each row begins with the clean image. [x]: wrong prediction.\n{note}")
