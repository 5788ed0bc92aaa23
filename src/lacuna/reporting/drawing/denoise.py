"""Clean and adversarial images before and after a defense (AdvDrop, Figure 3)."""

import torch
from matplotlib.figure import Figure

from lacuna.evaluation.defenses import DefendedNetwork
from lacuna.files.artefacts import read_tensors
from lacuna.foreign.parts import watched
from lacuna.numerics.images import as_pixels, to_bytes
from lacuna.reporting.drawing.core.inputs import Files, Settings, sets_of
from lacuna.reporting.drawing.core.networks import networks_of
from lacuna.reporting.drawing.core.paired import View, draw_pairs, image_columns, views_of


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (a list of {label, attack}, attack a code), network (a model's network settings), defense
    ({function, arguments}), purifier (its name). Files: images (the test set), adversarial (one set per row),
    checkpoints (of the network).

    Shows, of each of the first classes, the first image that fools every source, before and after the defense."""
    data, sets, classes = read_tensors(files["images"][0]), sets_of(settings, files), settings["classes"]
    truth, columns = image_columns(data, sets)
    views: list[list[View]] = []
    with torch.no_grad(), networks_of([settings["network"]], files["checkpoints"]) as (network,):
        defended = DefendedNetwork(settings["defense"], network)
        with watched(defended):
            for images in columns.values():
                cleared = to_bytes(defended.answer(as_pixels(images)))
                views += [views_of(network, images, truth, classes), views_of(network, cleared, truth, classes)]
    names = [name for column in columns for name in (column, f"{column}, {settings['purifier']}")]
    return draw_pairs(settings, views, names, truth, f"Network: {settings['network']['model']}.")
