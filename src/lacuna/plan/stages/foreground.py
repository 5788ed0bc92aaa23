"""foreground: which pixels of a split's images are foreground, one file per split."""

from math import prod
from pathlib import Path
from typing import Any

from lacuna.data.classes import class_names
from lacuna.foreground.published import network_file, network_settings
from lacuna.plan.modules import FILES, SALIENCY
from lacuna.plan.stage import Inputs, Stage


class Foreground(Stage):
    """The foreground of one split's images."""

    name = "foreground"
    on_device = True
    after = ("dataset",)
    outputs = {"foreground": "foreground/{split}.safetensors"}
    modules = (
        *SALIENCY,
        *FILES,
        "files/states",
        "foreground/background",
        "foreground/find",
        "foreground/grabcut",
        "foreground/onnx_network",
        "foreground/published",
        "foreground/segmentation",
        "numerics/device",
        "numerics/images",
    )

    def inputs(self, dataset: str, split: str) -> Inputs:
        """The images, and the network's file where the user brings one; without it `missing` stops a run."""
        file = self._network(dataset)
        return {
            "images": self.paths.of("dataset", split, dataset=dataset),
            "network": [str(file)] if file and file.is_file() else [],
        }

    def settings(self, dataset: str, split: str) -> dict[str, Any]:
        """How the foreground is found, the class names, where images come from."""
        data = self.lookup.config.datasets[dataset]
        masks = self.lookup.foreground(dataset)["masks"]
        whole = network_settings(masks) if masks["kind"] == "onnx" else masks
        return {"masks": whole, "classes": class_names(data), "source": data["source"]}

    def size(self, output: str, dataset: str, split: str) -> float:
        """Foregrounds of one byte per pixel, and shares of four."""
        data = self.lookup.config.datasets[dataset]
        return int(data[split] * (prod(data["image"][1:]) + 4))

    def missing(self, dataset: str, split: str) -> Path | None:
        """The folder of masks or the file of a network, where the user brings one."""
        masks, file = self.lookup.foreground(dataset)["masks"], self._network(dataset)
        if file:
            return None if file.is_file() else file
        return Path(masks["path"]) if masks["kind"] == "folder" and not Path(masks["path"]).is_dir() else None

    def _network(self, dataset: str) -> Path | None:
        """The file of a salient-object network; None for masks of another kind."""
        masks = self.lookup.foreground(dataset)["masks"]
        return network_file(masks) if masks["kind"] == "onnx" else None
