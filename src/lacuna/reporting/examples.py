"""Adversarial examples of one source, as figures and pages take them, and which of them are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lacuna.errors import LacunaError

MAXIMUM = 10  # images that are shown


@dataclass(frozen=True)
class Examples:
    """One attack's examples on the source ``name``.

    ``ids`` int (N,) are image ids, ``labels`` int (N,) the true ones, ``images`` uint8 (N, C, H, W), ``predicted`` int
    (N,) what the source says of them, ``valid`` bool (N,) whether the attack found an example, ``clean`` int (N,) what
    the source says of the clean images, -1 without a source.
    """

    name: str
    ids: np.ndarray
    labels: np.ndarray
    images: np.ndarray
    predicted: np.ndarray
    valid: np.ndarray
    clean: np.ndarray

    @classmethod
    def read(cls, tensors: Mapping[str, Any], attack: str, name: str) -> "Examples":
        """From an adversarial set's tensors; ``attack`` is a code. Raises `LacunaError` where the set lacks it."""
        if f"{attack}.images" not in tensors:
            codes = sorted(key.removesuffix(".images") for key in tensors if key.endswith(".images"))
            raise LacunaError(f"the adversarial set of {name} has no attack {attack}; allowed: {', '.join(codes)}")
        arrays = {key: tensor.numpy() for key, tensor in tensors.items()}
        everything = np.ones(len(arrays["image"]), dtype=bool)
        return cls(
            name,
            arrays["image"],
            arrays["label"],
            arrays[f"{attack}.images"],
            arrays[f"{attack}.source_adversarial"],
            arrays.get(f"{attack}.valid", everything),
            arrays.get("source_clean", arrays["label"]),
        )

    def fooled(self) -> dict[int, int]:
        """Ids, in the set's order, and true labels of the images whose valid example fools a source that was right."""
        right = (self.clean == self.labels) | (self.clean < 0)
        hits = self.valid & right & (self.predicted != self.labels)
        return dict(zip(self.ids[hits].tolist(), self.labels[hits].tolist(), strict=True))

    def at(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images and predictions of the image ids ``wanted``, in their order."""
        position = {image: i for i, image in enumerate(self.ids.tolist())}
        index = [position[image] for image in wanted.tolist()]
        return self.images[index], self.predicted[index]


def choose(sets: Sequence[Examples]) -> np.ndarray:
    """Ids of the images to show: of each class, the first in the first set's order that fools every source.

    Sorted by class, at most ten; a class without such an image is left out. Raises `LacunaError` where no image fools
    every source.
    """
    fooled = [one.fooled() for one in sets]
    first: dict[int, int] = {}
    for image, label in fooled[0].items():
        if all(image in others for others in fooled):
            first.setdefault(label, image)
    if not first:
        raise LacunaError(f"no image fools all of {', '.join(one.name for one in sets)}; nothing to show")
    return np.array([first[label] for label in sorted(first)][:MAXIMUM])
