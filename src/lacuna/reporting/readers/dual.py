"""Readers of the figures of dual perturbation: from files to foregrounds, saliency maps and gradients."""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.evaluation.gradients import loss_gradient, measure_gradients
from lacuna.evaluation.predictions import predict
from lacuna.files.artefacts import read_tensors, stable_part
from lacuna.numerics.images import as_pixels
from lacuna.reporting.plots import foregrounds, gradients, unsuspicious
from lacuna.reporting.plots.examples import choose
from lacuna.reporting.readers.inputs import Files, Settings, networks_of, note_for, sets_of

BATCH = 100
COLUMNS = 6  # images whose gradients are shown


def read_foregrounds(settings: Settings, files: Files) -> Figure:
    """Settings: classes. Files: images (the test set), foreground (its masks, whose provenance says how they came)."""
    data, masks = read_tensors(files["images"][0]), read_tensors(files["foreground"][0])["mask"].numpy()
    note = f"Masks: {stable_part(files['foreground'][0])['facts']['masks']}.\n{note_for(settings)}"
    images, labels = data["images"].numpy(), data["labels"].numpy()
    return foregrounds.foregrounds(images, labels, masks, settings["classes"], settings["title"], note)


def read_unsuspicious(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (a list of {label, attack}, attack a code), saliency (the settings of a saliency model).
    Files: images (the test set), adversarial (one set per row), foreground (masks of the test set).

    Shows the first image, by class, whose examples fool every source.
    """
    from lacuna.foreground.saliency import saliency_model

    data, sets, classes = read_tensors(files["images"][0]), sets_of(settings, files), settings["classes"]
    model = saliency_model(settings["saliency"])
    chosen = choose(sets)[:1]
    image, truth = int(chosen[0]), int(data["labels"][chosen[0]])
    shown = [("clean", data["images"][image], truth)]
    shown += [(one.name, torch.from_numpy(one.at(chosen)[0][0]), int(one.at(chosen)[1][0])) for one in sets]
    with torch.no_grad():
        densities = model(as_pixels(torch.stack([pixels for _, pixels, _ in shown]))).numpy()
    views = [
        unsuspicious.Seen(name, pixels.numpy(), density, classes[predicted], predicted == truth)
        for (name, pixels, predicted), density in zip(shown, densities, strict=True)
    ]
    mask = read_tensors(files["foreground"][0])["mask"][image].numpy()
    rule = f"Test image {image}, {classes[truth]}: of the first class that has one, the first that fools every source."
    note = f"{rule}\n{note_for(settings)}"
    return unsuspicious.unsuspicious(views, mask, str(model.label), settings["title"], note)


def read_gradients(settings: Settings, files: Files) -> Figure:
    """Settings: classes, networks (a list of network settings), names (one per network). Files: images (the test set),
    foreground (its masks), checkpoints (of the networks, in their order)."""
    data, masks = read_tensors(files["images"][0]), read_tensors(files["foreground"][0])["mask"]
    networks = dict(zip(settings["names"], networks_of(settings["networks"], files["checkpoints"]), strict=True))
    chosen = right_on_all(list(networks.values()), data["images"], data["labels"])
    images, labels = data["images"][chosen], data["labels"][chosen]
    found = {name: loss_gradient(network, images, labels, BATCH) for name, network in networks.items()}
    shares = {name: measure_gradients(one, masks[chosen])["gradient_in_foreground"] for name, one in found.items()}
    rows = [gradients.Row(name, one.numpy(), shares[name].numpy()) for name, one in found.items()]
    names = [settings["classes"][label] for label in labels.tolist()]
    outlines = masks[chosen].numpy()
    return gradients.gradients(images.numpy(), names, outlines, rows, settings["title"], note_for(settings))


def right_on_all(networks: list[nn.Module], images: Tensor, labels: Tensor) -> Tensor:
    """Ids of the first image of each class, in the order of classes, that every network gets right; at most six.

    Raises `LacunaError` where there is none.
    """
    right = torch.stack([predict(network, images, BATCH) == labels for network in networks]).all(0)
    first = [torch.nonzero(right & (labels == label)).flatten()[:1] for label in sorted(set(labels.tolist()))]
    chosen = torch.cat(first)[:COLUMNS]
    if not len(chosen):
        raise LacunaError("no test image is right on every network; there is no gradient to show")
    return chosen


READERS = {"foregrounds": read_foregrounds, "unsuspicious": read_unsuspicious, "gradients": read_gradients}
