"""Classes of a dataset, from its entry in config/datasets.yaml. No torch here: the plan imports this."""

from collections.abc import Mapping
from typing import Any

IMAGENET_CLASSES = 1000  # of networks with ImageNet's weights and their published last layer


def class_count(dataset: Mapping[str, Any]) -> int:
    """How many classes a dataset has. Its entry names the classes, or says how many class folders there are."""
    classes = dataset["classes"]
    return classes if isinstance(classes, int) else len(classes)


def class_names(dataset: Mapping[str, Any]) -> list[str]:
    """Names of the classes in the order of their labels; ``class 0``, ... where the entry has no names."""
    classes = dataset["classes"]
    return [f"class {i}" for i in range(classes)] if isinstance(classes, int) else list(classes)
