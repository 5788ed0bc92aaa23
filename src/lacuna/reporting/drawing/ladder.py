"""One image under growing budgets of several attacks (AdvDrop, Figure 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from lacuna.files.artefacts import read_tensors
from lacuna.reporting.drawing.core.inputs import Files, Settings, note_for, rule_for, sets_of
from lacuna.reporting.drawing.core.sizes import SIZES, Sized, with_sizes
from lacuna.reporting.drawing.core.style import BESIDE, PAGE_WIDTH, bare, caption, lay_out, page, show, styled, wrapped
from lacuna.reporting.examples import choose

ABOVE, BELOW = 0.45, 0.2  # inches for the lines above and below an image


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (a list of {label, attack}, attack a code); labels are an attack and, after a comma, its
    budget, smaller ones first. Files: images (the test set), adversarial (one set per row).

    Shows the first image, by class, that every attack's largest budget fools."""
    data, sets = read_tensors(files["images"][0]), sets_of(settings, files)
    names = [one.name.partition(", ")[0] for one in sets]
    chosen = choose([one for i, one in enumerate(sets) if names[i] not in names[i + 1 :]])[:1]
    clean, *views = with_sizes(data, sets, chosen, settings["classes"])
    rungs: dict[str, list[Sized]] = {name: [] for name in names}
    for name, view in zip(names, views, strict=True):
        rungs[name].append(replace(view, name=view.name.removeprefix(f"{name}, ")))
    rule = rule_for(data, chosen, settings["classes"], "fools the source under the largest budgets")
    return ladder(clean, rungs, settings["title"], f"{rule} {SIZES}\n{note_for(settings)}")


@styled
def ladder(clean: Sized, rungs: Mapping[str, Sequence[Sized]], title: str, note: str) -> Figure:
    """One row per attack: the clean image, then that attack's images from the smallest budget to the largest.

    Above each image its budget's name and its sizes, below it the prediction.
    """
    across = 1 + max(len(line) for line in rungs.values())
    tile = min(1.4, PAGE_WIDTH / across)
    figure = page(max(4.5, tile * across), (tile + ABOVE + BELOW) * len(rungs) + 0.85)
    axes = figure.subplots(len(rungs), across, squeeze=False)
    for line, (attack, views) in zip(axes, rungs.items(), strict=True):
        for axis in line:
            bare(axis)
        for axis, view in zip(line, [clean, *views], strict=False):
            show(axis, view.image)
            sizes = [f"{name} {size:,} B" for name, size in view.sizes.items()]
            axis.set_title("\n".join([wrapped(view.name, tile), *sizes]), pad=2)
            caption(axis, wrapped(view.predicted, tile - BESIDE), right=view.right)
        line[0].set_ylabel(attack)
    return lay_out(figure, title, f"Each row begins with the clean image. [x]: wrong prediction.\n{note}")
