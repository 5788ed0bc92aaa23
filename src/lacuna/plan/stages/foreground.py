"""foreground: which pixels of a split's images are foreground, one file per split."""

from math import prod
from pathlib import Path
from typing import Any

from lacuna.data.classes import class_names
from lacuna.plan.modules import FILES, SALIENCY
from lacuna.plan.stage import Inputs, Stage


class Foreground(Stage):
    """The foreground of one split's images."""

    name = "foreground"
    after = ("dataset",)
    outputs = {"foreground": "foreground/{split}.safetensors"}
    modules = (
        *SALIENCY,
        *FILES,
        "foreground/find",
        "foreground/segmentation",
        "numerics/device",
        "numerics/images",
    )

    def inputs(self, dataset: str, split: str) -> Inputs:
        """The images."""
        return {"images": self.paths.of("dataset", split, dataset=dataset)}

    def settings(self, dataset: str, split: str) -> dict[str, Any]:
        """How the foreground is found, the class names, where images come from."""
        data = self.lookup.config.datasets[dataset]
        masks = self.lookup.foreground(dataset)["masks"]
        return {"masks": masks, "classes": class_names(data), "source": data["source"]}

    def size(self, output: str, dataset: str, split: str) -> float:
        """Foregrounds of one byte per pixel, and shares of four."""
        data = self.lookup.config.datasets[dataset]
        return int(data[split] * (prod(data["image"][1:]) + 4))

    def missing(self, dataset: str, split: str) -> Path | None:
        """The folder of masks, where the user brings them."""
        masks = self.lookup.foreground(dataset)["masks"]
        return Path(masks["path"]) if masks["kind"] == "folder" and not Path(masks["path"]).is_dir() else None
