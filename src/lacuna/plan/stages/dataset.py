"""dataset: the official files of a dataset as verified tensors, one file per split; of a streamed split an index."""

from math import prod
from pathlib import Path
from typing import Any

from lacuna.data.own_paths import OWN_KINDS, find_missing
from lacuna.data.streamed import ENTRY, is_streamed
from lacuna.language.models import PACKAGED
from lacuna.plan.modules import FILES
from lacuna.plan.stage import Inputs, Stage, architecture_part


class Dataset(Stage):
    """Both splits of one dataset."""

    name = "dataset"
    outputs = {split: f"dataset/{split}.safetensors" for split in ("train", "test")}
    modules = (
        *FILES,
        "data/answers",
        "data/downloads",
        "data/index",
        "data/photographs",
        "data/sources",
        "data/streamed",
        "models/packaged",
    )

    def inputs(self, dataset: str) -> Inputs:
        """The committed file that a dataset's content is checked against; none for a folder of the user's own."""
        source = self.lookup.config.datasets[dataset]["source"]
        files = {"embedded": [source.get("file", "")], "torchvision": ["data/registry.csv"]}
        return {"source": files.get(source["kind"], [])}

    def settings(self, dataset: str) -> dict[str, Any]:
        """The dataset's entry, without what changes no image: its foreground, the stem of networks, and notes."""
        entry = self.lookup.config.datasets[dataset]
        other = ("foreground", "stem", "notes", "scene_images", "indices")
        return {key: value for key, value in entry.items() if key not in other}

    def code(self, dataset: str) -> list[str]:
        """With the network that labels its images, if one does; no other dataset is made again for an edit of it."""
        labels = self.lookup.config.datasets[dataset]["source"].get("labels")
        return [self.name, *([architecture_part(labels)] if labels else [])]

    def size(self, output: str, dataset: str) -> float:
        """Images of one byte per value, and labels of eight; of streamed images the index."""
        data = self.lookup.config.datasets[dataset]
        if output == "train" and is_streamed(data):
            return int(data[output] * ENTRY)
        return int(data[output] * (prod(data["image"]) + 8))

    def missing(self, dataset: str) -> Path | None:
        """The images or their list, for datasets that the user brings."""
        return find_missing(self.lookup.config.datasets[dataset]["source"])

    def refuse_misfit(self, dataset: str) -> None:
        """Counts the images that the user brings; what is in them the job sees."""
        entry = self.lookup.config.datasets[dataset]
        if labels := entry["source"].get("labels"):
            PACKAGED[labels].path()
        if entry["source"]["kind"] in OWN_KINDS:
            from lacuna.data.own_files import both_splits, refuse_counts  # numpy and Pillow, which few plans need

            listed = both_splits(entry["source"], entry["classes"])
            labels = {split: [file.label for file in files] for split, files in listed.items()}
            refuse_counts(f"config/datasets.yaml, key {dataset}", labels, entry)
