"""Readers of AdvDrop's figures: from adversarial sets to sizes, denoised images, spectra, attention and tables."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.files.artefacts import read_tensors
from lacuna.numerics.images import as_pixels, to_bytes
from lacuna.reporting.plots import dropped, ladder, paired, pipeline, rounding, spectrum
from lacuna.reporting.plots.examples import choose
from lacuna.reporting.readers.inputs import Files, Settings, networks_of, note_for, sets_of
from lacuna.reporting.readers.made import Made

ROWS = 4  # images of a figure in pairs
FORMATS = {"PNG": "png_bytes", "JPEG": "jpeg_bytes"}
FOOLS = "fools the source under every attack shown"
SIZES = "Sizes: whole files, with their headers, which make up most of a small JPEG file."


def read_dropped(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (a list of {label, attack}, attack a code). Files: images (the test set), adversarial
    (one set per row). Shows the first image, by class, whose examples fool every source."""
    from lacuna.evaluation.quality import centre_patch

    data, sets = read_tensors(files["images"][0]), sets_of(settings, files)
    chosen = choose(sets)[:1]
    views = _sized(data, sets, chosen, settings["classes"])
    height, width = data["images"].shape[2:]
    note = f"{_named(data, chosen, settings['classes'])} {SIZES}{sheets(data, sets)}\n{note_for(settings)}"
    return dropped.dropped(views, centre_patch((height, width)), settings["title"], note)


def read_ladder(settings: Settings, files: Files) -> Figure:
    """Settings and files as for `read_dropped`; labels are an attack and, after a comma, its budget, smaller ones
    first. Shows the first image, by class, that every attack's largest budget fools."""
    data, sets = read_tensors(files["images"][0]), sets_of(settings, files)
    names = [one.name.partition(", ")[0] for one in sets]
    chosen = choose([one for i, one in enumerate(sets) if names[i] not in names[i + 1 :]])[:1]
    clean, *views = _sized(data, sets, chosen, settings["classes"])
    rungs: dict[str, list[dropped.Sized]] = {name: [] for name in names}
    for name, view in zip(names, views, strict=True):
        rungs[name].append(replace(view, name=view.name.removeprefix(f"{name}, ")))
    named = _named(data, chosen, settings["classes"]).replace(FOOLS, "fools the source under the largest budgets")
    return ladder.ladder(clean, rungs, settings["title"], f"{named} {SIZES}\n{note_for(settings)}")


def read_denoise(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (as for `read_dropped`), network (a model's network settings), defense ({function,
    arguments}), purifier (its name). Files: images, adversarial, checkpoints (of the network).

    Shows, of each of the first classes, the first image that fools every source, before and after the defense."""
    from lacuna.evaluation.defenses import DefendedNetwork

    data, sets, classes = read_tensors(files["images"][0]), sets_of(settings, files), settings["classes"]
    (network,) = networks_of([settings["network"]], files["checkpoints"])
    defended = DefendedNetwork(settings["defense"], network)
    truth, columns = _images(data, sets)
    views: list[list[paired.View]] = []
    for images in columns.values():
        with torch.no_grad():
            cleared = to_bytes(defended.function(as_pixels(images)))
        views += [_views(network, images, truth, classes), _views(network, cleared, truth, classes)]
    names = [name for column in columns for name in (column, f"{column}, {settings['purifier']}")]
    return _paired(settings, views, names, truth, f"Network: {settings['network']['model']}.")


def read_attention(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (as for `read_dropped`), network (a model's network settings). Files: images,
    adversarial, checkpoints (of the network). Images as for `read_denoise`, with Grad-CAM (captum's) of the class that
    the network predicts."""
    data, sets, classes = read_tensors(files["images"][0]), sets_of(settings, files), settings["classes"]
    (network,) = networks_of([settings["network"]], files["checkpoints"])
    truth, columns = _images(data, sets)
    views: list[list[paired.View]] = []
    for images in columns.values():
        views += [
            _views(network, images, truth, classes),
            _views(network, images, truth, classes, attention(network, images)),
        ]
    names = [name for column in columns for name in (column, f"{column}, attention")]
    rule = (
        f"Grad-CAM of the predicted class on {settings['network']['model']}: last layer with more than one position, "
        "each map scaled to its own largest value; bright: speaks for the prediction."
    )
    return _paired(settings, views, names, truth, rule)


def read_spectrum(settings: Settings, files: Files) -> Figure:
    """Settings and files as for `read_dropped`."""
    data, sets = read_tensors(files["images"][0]), sets_of(settings, files)
    chosen = choose(sets)[:1]
    fooled = [one.fooled() for one in sets]
    common = np.array([i for i in fooled[0] if all(i in others for others in fooled)])
    pairs = {one.name: (data["images"].numpy()[common], one.at(common)[0]) for one in sets}
    example = data["images"][int(chosen[0])].numpy()
    change = {one.name: one.at(chosen)[0][0].astype(int) - example for one in sets}
    note = f"{_named(data, chosen, settings['classes'])}\n{note_for(settings)}"
    return spectrum.spectrum(pairs, example, change, settings["title"], note)


def read_rounding(settings: Settings, files: Files) -> Figure:
    """Settings: alphas, a list of numbers in (0, 1). Files: none."""
    from lacuna.attacks.advdrop import soft_round

    values = torch.linspace(-0.5, 2.5, 601, dtype=torch.float64)
    curves = {alpha: tuple(part.numpy() for part in soft_round(values, alpha)) for alpha in settings["alphas"]}
    return rounding.rounding(values.numpy(), curves, settings["title"], note_for(settings))  # type: ignore[arg-type]


def read_pipeline(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (one {label, attack}, an AdvDrop set), budget (its budget), network (its source's
    settings). Files: images, adversarial (that set), checkpoints (of the source).

    Sets hold no tables, so the first image that fools the source, by class, is attacked again: the same tables."""
    from lacuna.attacks import advdrop
    from lacuna.attacks.core.run import Attack
    from lacuna.attacks.core.victim import freeze

    data, tensors = read_tensors(files["images"][0]), read_tensors(files["adversarial"][0])
    (network,) = networks_of([settings["network"]], files["checkpoints"])
    (row,), classes = settings["rows"], settings["classes"]
    chosen = choose([Made.read(tensors, row["attack"], row["label"])])[:1]
    place = tensors["image"] == int(chosen[0])
    x, labels = as_pixels(data["images"][chosen]), data["labels"][chosen]
    wanted = tensors[f"{row['attack']}.wanted"][place] if settings["budget"].get("targeted") else None
    budget = Attack(row["attack"], "advdrop", settings["budget"]).arguments()
    how = {key: value for key, value in budget.items() if key != "targeted"}
    with freeze(network):
        found = advdrop.learn_tables(network, x, labels, wanted, **how)
        before = advdrop.coefficients(x)
        quantised, _ = advdrop.quantise(before, found.tables, None)
    made, truth = tensors[f"{row['attack']}.images"][place], int(labels[0])
    said = [int(network(as_pixels(images)).argmax()) for images in (data["images"][chosen], made)]
    stages = pipeline.Stages(
        data["images"][int(chosen[0])].numpy(),
        made[0].numpy(),
        before[0, 0].numpy(),
        found.tables[0, 0].numpy(),
        quantised[0, 0].numpy(),
        (classes[said[0]], classes[said[1]]),
        (said[0] == truth, said[1] == truth),
    )
    channel = " First channel." if made.shape[1] > 1 else ""
    rule = f"{_named(data, chosen, classes)}{channel} Attack {row['attack']} on {settings['network']['model']}."
    return pipeline.pipeline(stages, settings["title"], f"{rule}\n{note_for(settings)}")


def attention(network: nn.Module, images: Tensor) -> np.ndarray:
    """Grad-CAM (N, H, W) in [0, 1] of the predicted classes of images uint8 (N, C, H, W), at their size.

    From the last layer whose outputs have more than one position (Selvaraju et al. 2017: the last convolutional one);
    each map is divided by its largest value, and is 0 where nothing speaks for the class. Raises `LacunaError` for a
    network without such a layer.
    """
    from captum.attr import LayerAttribution, LayerGradCam

    x = as_pixels(images)
    said = network(x).argmax(1)
    cam = LayerGradCam(network, _last_spatial(network, x[:1])).attribute(x, said, relu_attributions=True)
    maps = LayerAttribution.interpolate(cam, tuple(x.shape[2:]), "bilinear")[:, 0].detach()
    return (maps / maps.amax((1, 2), keepdim=True).clamp_min(1e-12)).numpy()


def _last_spatial(network: nn.Module, x: Tensor) -> nn.Module:
    seen: list[nn.Module] = []

    def note(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.dim() == 4 and output.shape[-1] * output.shape[-2] > 1:
            seen.append(module)

    hooks = [module.register_forward_hook(note) for module in network.modules() if isinstance(module, nn.Conv2d)]
    try:
        network(x)
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        raise LacunaError("the network has no convolution with more than one position; attention needs one")
    return seen[-1]


def _images(data: dict[str, Tensor], sets: Sequence[Made]) -> tuple[list[int], dict[str, Tensor]]:
    """Labels of the images to show, and their clean and adversarial images uint8 by column."""
    ids = choose(sets)[:ROWS]
    columns = {"clean": data["images"][ids]} | {one.name: torch.from_numpy(one.at(ids)[0]) for one in sets}
    return data["labels"][ids].tolist(), columns


def _views(
    network: nn.Module, images: Tensor, truth: Sequence[int], classes: Sequence[str], heat: np.ndarray | None = None
) -> list[paired.View]:
    with torch.no_grad():
        said = network(as_pixels(images)).argmax(1).tolist()
    heats = [None] * len(images) if heat is None else list(heat)
    return [
        paired.View(image, classes[one], one == label, shade)
        for image, one, label, shade in zip(images.numpy(), said, truth, heats, strict=True)
    ]


def _paired(
    settings: Settings, columns: Sequence[Sequence[paired.View]], names: Sequence[str], truth: Sequence[int], rule: str
) -> Figure:
    rows, labels = list(zip(*columns, strict=True)), [settings["classes"][label] for label in truth]
    chosen = "Images: of each of the first classes the first that fools the source under every attack shown."
    return paired.paired(rows, names, labels, settings["title"], f"{chosen} {rule}\n{note_for(settings)}")


def _sized(
    data: dict[str, Tensor], sets: Sequence[Made], chosen: np.ndarray, classes: Sequence[str]
) -> list[dropped.Sized]:
    """The clean image and each set's, with predictions and file sizes; ``chosen`` (1,) is its id."""
    from lacuna.evaluation.quality import measure_quality

    clean, truth = data["images"][chosen], int(data["labels"][chosen[0]])
    shown = [("clean", clean, truth)]
    shown += [(one.name, torch.from_numpy(one.at(chosen)[0]), int(one.at(chosen)[1][0])) for one in sets]
    return [
        dropped.Sized(
            name,
            images[0].numpy(),
            classes[said],
            said == truth,
            {label: int(measure_quality(key, clean, images)[0]) for label, key in FORMATS.items()},
        )
        for name, images, said in shown
    ]


def sheets(data: dict[str, Tensor], sets: Sequence[Made]) -> str:
    """How the size of a file with all images of each set compares to that of the clean ones; empty for small sets."""
    from lacuna.evaluation.quality import measure_quality

    parts = []
    for one in sets:
        pair = data["images"][one.ids], torch.from_numpy(one.images)
        ratios = {name: float(measure_quality(f"sheet_{name.lower()}_ratio", *pair)[0]) for name in FORMATS}
        changes = [f"{name} {100 * (ratio - 1):+.0f} %" for name, ratio in ratios.items() if ratio == ratio]
        parts += [f"{one.name}, all {len(one.ids)} images in one file: {', '.join(changes)}."] if changes else []
    return "".join(f"\n{part}" for part in parts)


def _named(data: dict[str, Tensor], chosen: np.ndarray, classes: Sequence[str]) -> str:
    image, label = int(chosen[0]), int(data["labels"][chosen[0]])
    return f"Test image {image}, {classes[label]}: of the first class with one, the first that {FOOLS}."


READERS = {
    "dropped": read_dropped,
    "ladder": read_ladder,
    "denoise": read_denoise,
    "attention": read_attention,
    "spectrum": read_spectrum,
    "rounding": read_rounding,
    "pipeline": read_pipeline,
}
