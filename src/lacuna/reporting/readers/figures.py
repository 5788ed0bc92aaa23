"""From the pipeline's files to figures; the same files give the same bytes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lacuna.errors import LacunaError
from lacuna.files.artefacts import read_frame, read_tensors
from lacuna.reporting.plots.curves import curves
from lacuna.reporting.plots.examples import examples
from lacuna.reporting.plots.heatmap import heatmap
from lacuna.reporting.plots.masks import masks
from lacuna.reporting.plots.noise import noise
from lacuna.reporting.plots.shuffled import shuffled
from lacuna.reporting.plots.sweep import sweep
from lacuna.reporting.plots.tradeoff import tradeoff
from lacuna.reporting.readers.inputs import Files, Reader, Settings, cells_of, note_for, sets_of
from lacuna.reporting.readers.made import Made


def figure(settings: Settings, files: Files) -> Figure:
    """The figure of kind ``settings["plot"]``, titled ``settings["title"]``, from verified artefacts.

    What each kind needs of ``settings`` and ``files`` stands with its reader below. All but those drawn from cells
    need ``scale``, ``dataset`` and ``paper_dataset``, which their note states. All may have
    ``notes``, sentences for it.
    """
    return READERS[settings["plot"]](settings, files)


def _heatmap(settings: Settings, files: Files) -> Figure:
    """Settings: columns, a list of {column, panel}, where the table's are in panels. Files: cells (one)."""
    cells, note = cells_of(settings, files)
    panels = {column["column"]: column["panel"] for column in settings.get("columns", [])}
    return heatmap(cells, panels, settings["title"], note)


def _noise(settings: Settings, files: Files) -> Figure:
    """Files: cells (one), with columns of attacks gaussian_s<sigma>."""
    cells, note = cells_of(settings, files)
    return noise(cells, settings["title"], note)


def _tradeoff(settings: Settings, files: Files) -> Figure:
    """Settings: attack, a code. Files: cells (one), with that attack and the clean accuracy of each row."""
    cells, note = cells_of(settings, files)
    return tradeoff(cells, settings["attack"], settings["title"], note)


def _sweep(settings: Settings, files: Files) -> Figure:
    """Settings: columns, a list of {column, panel, x}, and panels, a list of {panel, x, y}, the labels of the axes.
    Files: cells (one)."""
    cells, note = cells_of(settings, files)
    return sweep(cells, settings["columns"], settings["panels"], settings["title"], note)


def _curves(settings: Settings, files: Files) -> Figure:
    """Settings: lines, a list of {network, panel}. Files: histories, one per line."""
    frames = [
        read_frame(path).assign(network=line["network"], panel=line["panel"])
        for line, path in zip(settings["lines"], files["histories"], strict=True)
    ]
    return curves(pd.concat(frames, ignore_index=True), settings["title"], note_for(settings))


def _masks(settings: Settings, files: Files) -> Figure:
    """Settings: network, that model's network settings. Files: checkpoints (one)."""
    from lacuna.models.networks import trained_network
    from lacuna.reporting.structure import architecture

    network = trained_network(settings["network"], files["checkpoints"], "cpu")
    tensors = dict(network.named_buffers())
    layers = {
        f"Block {block.number}, {block.masked[0].partition('.')[2]}": tensors[f"{block.masked[0]}.mask"][0].numpy()
        for block in architecture(network, tuple(settings["network"]["image"])).blocks
        if block.masked
    }
    if not layers:
        raise LacunaError(f"{settings['network']['model']} has no masks to draw")
    note = f"First masked layer of each block of {settings['network']['model']}.\n{note_for(settings)}"
    return masks(dict(list(layers.items())[:3]), settings["title"], note)


def _diagram(settings: Settings, files: Files) -> Figure:
    """Settings: network, a model's network settings. Files: none, an untrained network has the same structure."""
    import torch

    from lacuna.models.networks import new_network
    from lacuna.reporting.plots.diagram import diagram
    from lacuna.reporting.structure import architecture

    asked = settings["network"]
    network = new_network(asked, torch.zeros(1), torch.ones(1))
    width = f", width {asked['width']} of the paper's" if "width" in asked else ""
    note = f"Network {asked['model']}{width}.\n{note_for(settings)}"
    return diagram(architecture(network, tuple(asked["image"])), settings["title"], note)


def _examples(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (a list of {label, attack}, attack a code). Files: images (the test set), adversarial
    (one set per row)."""
    data = read_tensors(files["images"][0])
    return examples(
        data["images"].numpy(), sets_of(settings, files), settings["classes"], settings["title"], note_for(settings)
    )


def _shuffled(settings: Settings, files: Files) -> Figure:
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
        shuffle = Made.read(tensors, attack, "shuffled images")
        k = attack.rpartition("_k")[2]
        images[f"{k} x {k} patches"] = shuffle.at(np.array([chosen]))[0][0]
    seen = {
        name: [classes[i] for i in _predictions(frame, chosen, attacks)]
        for name, frame in zip(settings["networks"], outcomes, strict=True)
    }
    rule = f"Image {chosen} of the test set: the first of the set that every network gets right when clean."
    label = classes[int(data["labels"][chosen])]
    return shuffled(images, label, seen, settings["title"], f"{rule}\n{note_for(settings)}")


def _dual(settings: Settings, files: Files) -> Figure:
    """See lacuna.reporting.readers.dual, which imports torch."""
    from lacuna.reporting.readers.dual import READERS

    return READERS[settings["plot"]](settings, files)


def _advdrop(settings: Settings, files: Files) -> Figure:
    """See lacuna.reporting.readers.advdrop, which imports torch."""
    from lacuna.reporting.readers.advdrop import READERS

    return READERS[settings["plot"]](settings, files)


def _predictions(outcomes: pd.DataFrame, image: int, attacks: Sequence[str]) -> list[int]:
    """One network's predictions on an image: clean, then under each attack."""
    lines = outcomes[outcomes["image"] == image].drop_duplicates("attack").set_index("attack")
    return [int(lines["clean"][attacks[0]]), *(int(lines["adversarial"][attack]) for attack in attacks)]


READERS: dict[str, Reader] = {
    "heatmap": _heatmap,
    "noise": _noise,
    "tradeoff": _tradeoff,
    "sweep": _sweep,
    "curves": _curves,
    "masks": _masks,
    "diagram": _diagram,
    "examples": _examples,
    "shuffled": _shuffled,
    **dict.fromkeys(("foregrounds", "unsuspicious", "gradients"), _dual),
    **dict.fromkeys(("dropped", "ladder", "denoise", "attention", "spectrum", "rounding", "pipeline"), _advdrop),
}
