"""How a dataset's foreground is found: names and numbers that JSON Schema cannot check. No torch here."""

from collections.abc import Mapping
from typing import Any

from lacuna.config.joined import known
from lacuna.data.classes import class_names
from lacuna.errors import LacunaError
from lacuna.foreground.published import NETWORKS

COLOURS = 3  # channels that salient-object networks take
# Classes that torchvision's segmentation networks tell apart (COCO images, labels of PASCAL VOC).
SEGMENTED = (
    *("__background__", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)


def check_masks(file: str, name: str, dataset: Mapping[str, Any]) -> None:
    """The masks of a dataset, where it has a foreground: the names and numbers of a network."""
    masks, key = dataset.get("foreground", {}).get("masks", {}), f"{name}.foreground.masks"
    if masks.get("kind") == "onnx":
        _check_network(file, key, masks)
    for ours, theirs in masks.get("class_of", {}).items():
        known(file, f"{key}.class_of", ours, class_names(dataset))
        known(file, f"{key}.class_of.{ours}", theirs, SEGMENTED)


def _check_network(file: str, key: str, masks: Mapping[str, Any]) -> None:
    if "network" in masks:
        known(file, f"{key}.network", masks["network"], NETWORKS)
    if not 0 <= masks["threshold"] < 1:
        found = f"{masks['threshold']} is not allowed; allowed: a number from 0 to below 1, a probability"
        raise LacunaError(f"{file}, key {key}.threshold: {found}")
