"""One image and its shuffles, with what networks see in them (Defective CNN, Figure 2)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lacuna.errors import LacunaError
from lacuna.files.artefacts import read_frame, read_tensors
from lacuna.reporting.drawing.core.inputs import Files, Settings, note_for
from lacuna.reporting.drawing.core.style import (
    BLUE,
    LINE_HEIGHT,
    NOTE_LINES,
    PAGE_WIDTH,
    VERMILLION,
    lay_out,
    page,
    show,
    styled,
)
from lacuna.reporting.examples import Examples


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: classes, attacks (codes such as shuffle_k4), networks (names for the legend). Files: images (the
    test set), adversarial (one set with these attacks, without a source), outcomes (one per network, of that set).

    Shows the first image of the set that every network gets right when clean.
    """
    outcomes = [read_frame(path) for path in files["outcomes"]]
    data, tensors = read_tensors(files["images"][0]), read_tensors(files["adversarial"][0])
    classes, attacks = settings["classes"], settings["attacks"]
    right = [
        set(frame.loc[(frame["attack"] == attacks[0]) & (frame["clean"] == frame["label"]), "image"])
        for frame in outcomes
    ]
    common = set.intersection(*right)
    chosen = next((i for i in tensors["image"].tolist() if i in common), None)
    if chosen is None:
        raise LacunaError(f"no image is right on all of {', '.join(settings['networks'])}; nothing to shuffle")
    images = {"clean": data["images"][chosen].numpy()}
    for attack in attacks:
        shuffle = Examples.read(tensors, attack, "shuffled images")
        k = attack.rpartition("_k")[2]
        images[f"{k} x {k} patches"] = shuffle.at(np.array([chosen]))[0][0]
    seen = {
        name: [classes[i] for i in _predictions(frame, chosen, attacks)]
        for name, frame in zip(settings["networks"], outcomes, strict=True)
    }
    rule = f"Image {chosen} of the test set: the first of the set that every network gets right when clean."
    label = classes[int(data["labels"][chosen])]
    return shuffled(images, label, seen, settings["title"], f"{rule}\n{note_for(settings)}")


def _predictions(outcomes: pd.DataFrame, image: int, attacks: Sequence[str]) -> list[int]:
    """One network's predictions on an image: clean, then under each attack."""
    lines = outcomes[outcomes["image"] == image].drop_duplicates("attack").set_index("attack")
    return [int(lines["clean"][attacks[0]]), *(int(lines["adversarial"][attack]) for attack in attacks)]


@styled
def shuffled(
    images: Mapping[str, np.ndarray], label: str, predictions: Mapping[str, list[str]], title: str, note: str
) -> Figure:
    """One panel per image; below it each network's prediction, blue if it is the true label and red if not.

    ``images`` maps a panel's title to an image uint8 (C, H, W); ``predictions`` maps a network to its predicted
    labels, one per panel. ``[x]`` marks the wrong ones for readers without colours.
    """
    size, note = PAGE_WIDTH / len(images), f"True label: {label}. [x]: wrong prediction.\n{note}"
    figure = page(PAGE_WIDTH, size + 0.2 * len(predictions) + 0.7 + NOTE_LINES * LINE_HEIGHT)
    axes = figure.subplots(1, len(images), squeeze=False)[0]
    for i, (axis, (name, image)) in enumerate(zip(axes, images.items(), strict=True)):
        show(axis, image)
        axis.set_title(name)
        for line, (network, seen) in enumerate(predictions.items()):
            right = seen[i] == label
            text = f"{network}: {seen[i]}{'' if right else ' [x]'}"
            colour = BLUE if right else VERMILLION
            axis.annotate(
                text, (0.5, 0), (0, -12 - 13 * line), "axes fraction", "offset points", ha="center", color=colour
            )
    return lay_out(figure, title, note)
