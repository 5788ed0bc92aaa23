"""Classes of a dataset, from its entry in config/datasets.yaml. No torch here: the plan imports this."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

IMAGENET_CLASSES = 1000  # of networks with ImageNet's weights and their published last layer


@cache
def imagenet_names() -> list[str]:
    """Names of ImageNet's thousand classes by index, as torchvision writes them."""
    return Path(__file__).with_name("imagenet_classes.txt").read_text(encoding="utf-8").splitlines()


def class_count(dataset: Mapping[str, Any]) -> int:
    """How many classes a dataset has. Its entry names the classes, or says how many class folders there are."""
    classes = dataset["classes"]
    return classes if isinstance(classes, int) else len(classes)


def class_names(dataset: Mapping[str, Any]) -> list[str]:
    """Names of the classes in the order of their labels; ``class 0``, ... where the entry has no names.

    Those of images that a network labels are ImageNet's.
    """
    classes = dataset["classes"]
    if "labels" in dataset.get("source", {}):
        return imagenet_names()
    return [f"class {i}" for i in range(classes)] if isinstance(classes, int) else list(classes)


def answer_names(dataset: Mapping[str, Any]) -> list[str]:
    """Names of whatever a network may answer: the dataset's classes, and of those among ImageNet's the others too.

    The others follow in ImageNet's order, as the logits of a network with its published last layer do.
    """
    own, indices = class_names(dataset), dataset.get("indices", ())
    return [*own, *(name for i, name in enumerate(imagenet_names()) if i not in set(indices))] if indices else own
