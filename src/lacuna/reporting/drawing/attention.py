"""Where a network looks on clean and adversarial images: Grad-CAM (AdvDrop: attention)."""

from typing import Any

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradCam
from matplotlib.figure import Figure
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.files.artefacts import read_tensors
from lacuna.numerics.images import as_pixels
from lacuna.reporting.drawing.core.inputs import Files, Settings, sets_of
from lacuna.reporting.drawing.core.networks import networks_of
from lacuna.reporting.drawing.core.paired import View, draw_pairs, image_columns, views_of


def draw(settings: Settings, files: Files) -> Figure:
    """Settings: classes, rows (a list of {label, attack}, attack a code), network (a model's network settings). Files:
    images (the test set), adversarial (one set per row), checkpoints (of the network).

    Shows, of each of the first classes, the first image that fools every source, with Grad-CAM (captum's) of the class
    that the network predicts."""
    data, sets, classes = read_tensors(files["images"][0]), sets_of(settings, files), settings["classes"]
    truth, columns = image_columns(data, sets)
    views: list[list[View]] = []
    with networks_of([settings["network"]], files["checkpoints"]) as (network,):
        for images in columns.values():
            heat = attention(network, images)
            views += [views_of(network, images, truth, classes), views_of(network, images, truth, classes, heat)]
    names = [name for column in columns for name in (column, f"{column}, attention")]
    rule = (
        f"Grad-CAM of the predicted class on {settings['network']['model']}: last layer with more than one position, "
        "each map scaled to its own largest value; bright: speaks for the prediction."
    )
    return draw_pairs(settings, views, names, truth, rule)


def attention(network: nn.Module, images: Tensor) -> np.ndarray:
    """Grad-CAM (N, H, W) in [0, 1] of the predicted classes of images uint8 (N, C, H, W), at their size.

    From the last layer whose outputs have more than one position (Selvaraju et al. 2017: the last convolutional one);
    each map is divided by its largest value, and is 0 where nothing speaks for the class. Raises `LacunaError` for a
    network without such a layer.
    """
    x = as_pixels(images)
    said = network(x).argmax(1)
    cam = LayerGradCam(network, _last_spatial(network, x[:1])).attribute(x, said, relu_attributions=True)
    maps = LayerAttribution.interpolate(cam, tuple(x.shape[2:]), "bilinear")[:, 0].detach()
    highest = maps.amax((1, 2), keepdim=True)
    return (maps / torch.where(highest > 0, highest, 1)).numpy()


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
