"""The scripts of the rules on a tiny problem, called as Snakemake calls them, in a folder of their own."""

import json
import os
import runpy
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from lacuna.language.codes import origin_of

ROOT = Path(__file__).resolve().parents[2]
MODEL, IMAGE, CLASSES, IMAGES = "resnet18-bottom0.5-standard-s1m1", [1, 8, 8], 3, 24
NETWORK = {"image": IMAGE, "classes": CLASSES, "width": "1/16", "mask_place": "released_code", "seed": 0}
RECIPE = {
    "epochs": 2,
    "batch_size": 8,
    "learning_rate": 0.05,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "nesterov": True,
    "schedule": {"name": "onecycle", "warmup": 0.3},
    "augmentation": {"pad": 1, "flip": True},
}
PGD = {"epsilon": "16/255", "step": "4/255", "steps": 3}
CODE = "pgd_e16_a4_t3"
CELL = {"row": "ResNet-18", "column": "Test accuracy", "metric": "test_accuracy", "model": MODEL, "target": MODEL}
CELL |= {"suite": "pgd16", "attack": "none", "source": "", "defense": "", "pair": []}


class Inputs(SimpleNamespace):
    """Named inputs, with the methods of Snakemake's that scripts use."""

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self, name, default)


@dataclass
class Stages:
    """A folder that must be the working directory; its fields may be changed before a run."""

    folder: Path
    network: dict[str, Any] = field(default_factory=lambda: {"model": MODEL, **NETWORK})
    recipe: dict[str, Any] = field(default_factory=lambda: dict(RECIPE))
    method: str = "pgd"
    budgets: dict[str, Any] = field(default_factory=lambda: {CODE: PGD})
    images: int = IMAGES
    batch: int = 4
    needs_gpu: int = 0
    gpu_slots: int = 0

    def run(self, rule: str) -> list[str]:
        """Runs the script of a rule; returns its outputs, which it removes before, as Snakemake does."""
        settings, inputs, outputs = getattr(self, rule)()
        made = [path for path in outputs.values() if isinstance(path, str)]
        for path in made:
            for old in (Path(path), Path(f"{path}.prov.json")):
                old.unlink(missing_ok=True)
        job = SimpleNamespace(
            rule=rule,
            threads=1,
            resources=Inputs(batch=self.batch, needs_gpu=self.needs_gpu, gpu_slots=self.gpu_slots),
            params=SimpleNamespace(settings=json.dumps(settings, sort_keys=True)),
            wildcards=SimpleNamespace(dataset="tiny", target=MODEL, suite="pgd16", split="test"),
            input=Inputs(
                **{"code": [], "own": [], "like": [], "foreground": [], "network": [], "selections": [], **inputs}
            ),
            output=Outputs(outputs),
            log=[f"logs/{rule}.log"],
        )
        runpy.run_path(str(ROOT / f"workflow/scripts/{rule}.py"), init_globals={"snakemake": job})
        return made

    def run_outputs(self, rule: str) -> list[Path]:
        """What a rule writes, and the provenance of it."""
        made = [Path(path) for path in getattr(self, rule)()[2].values()]
        return [*made, *(Path(f"{path}.prov.json") for path in made), Path(f"logs/{rule}.log")]

    def begin(self) -> None:
        """The committed files: the embedded data, and the paper's printed numbers."""
        draw = np.random.default_rng(0)
        arrays = {}
        for split in ("train", "test"):
            arrays[f"{split}_labels"] = np.arange(self.images) % CLASSES
            bright = 60 * arrays[f"{split}_labels"][:, None, None]
            arrays[f"{split}_images"] = (bright + draw.integers(0, 90, (self.images, 8, 8))).astype(np.uint8)
        np.savez(self.folder / "tiny.npz", **arrays)
        shutil.copy(ROOT / "data/printed/defective.csv", self.folder / "printed.csv")

    # What each rule gets: settings, inputs, outputs -------------------------------------------------------------

    def dataset(self) -> tuple[Any, Any, Any]:
        from lacuna.files.artefacts import sha256

        source = {"kind": "embedded", "file": "tiny.npz", "sha256": sha256("tiny.npz")}
        settings = {"source": source, "image": IMAGE, "classes": list("abc"), "train": self.images, "test": self.images}
        return (
            settings,
            {"source": ["tiny.npz"]},
            {split: f"dataset/{split}.safetensors" for split in ("train", "test")},
        )

    def foreground(self) -> tuple[Any, Any, Any]:
        settings = {"masks": {"kind": "nonzero"}, "classes": list("abc"), "source": {"kind": "embedded"}}
        return settings, {"images": "dataset/test.safetensors"}, {"foreground": "foreground/test.safetensors"}

    def train(self) -> tuple[Any, Any, Any]:
        settings = {**self.network, "normalisation": {"kind": "channel"}, "recipe": self.recipe}
        inputs = {"images": "dataset/train.safetensors", "tests": ["dataset/test.safetensors"]}
        return settings, inputs, {"checkpoint": "train/net.safetensors", "history": "train/net.history.csv"}

    def select(self) -> tuple[Any, Any, Any]:
        settings = {"selection": "all", "images": self.images // 3, "networks": [], "seed": 0}
        return settings, {"images": "dataset/test.safetensors", "checkpoints": []}, {"selection": "select/all.csv"}

    def attack(self) -> tuple[Any, Any, Any]:
        settings = {"method": self.method, "budgets": self.budgets, "network": self.network, "seed": 5}
        inputs = {"images": "dataset/test.safetensors", "checkpoints": ["train/net.safetensors"]}
        inputs |= {"selection": "select/all.csv", "foreground": ["foreground/test.safetensors"]}
        return settings | {"fold_batch_norm": False}, inputs, {"adversarial": "attack/pgd16/net.safetensors"}

    def evaluate(self) -> tuple[Any, Any, Any]:
        inputs = {"images": "dataset/test.safetensors", "checkpoints": ["train/net.safetensors"]}
        sets = {"adversarial": ["attack/pgd16/net.safetensors"]}
        said = [{"attack": "pgd16", "source": "net", "path": "attack/pgd16/net.safetensors"}]
        return {"network": self.network, "sets": said}, inputs | sets, {"outcomes": "evaluate/pgd16/net.parquet"}

    def cells(self) -> tuple[Any, Any, Any]:
        settings = {"exhibit": "table3", "scale": "demo", "dataset": "tiny", "paper_dataset": "cifar10"}
        origin = {"folder": "tiny", **origin_of(CELL)._asdict()}
        settings |= {"printed_table": 3, "cells": [CELL], "outcomes": [origin | {"path": "evaluate/pgd16/net.parquet"}]}
        inputs = {"outcomes": ["evaluate/pgd16/net.parquet"], "printed": "printed.csv"}
        return settings, inputs, {"cells": "cells/table3.csv"}

    def table(self) -> tuple[Any, Any, Any]:
        rendered = {"csv": "table/table3.csv", "markdown": "table/table3.md", "latex": "table/table3.tex"}
        return (
            {"exhibit": "table3", "title": "Table", "paper": "Paper", "notes": []},
            {"cells": "cells/table3.csv"},
            rendered,
        )

    def export(self) -> tuple[Any, Any, Any]:
        return {}, {"adversarial": "attack/pgd16/net.safetensors"}, {"npz": "export/net.npz", "png": "export/net"}

    def adopt(self) -> tuple[Any, Any, Any]:
        settings = {"model": "own-flat", "factory": "stages:flat", "arguments": {}, "mean": [0], "std": [1]}
        settings |= {"image": IMAGE, "classes": CLASSES}
        return settings, {"weights": "own.pt"}, {"checkpoint": "train/own-flat.safetensors"}


class Outputs(SimpleNamespace):
    """Named outputs that can also be listed and asked for by name, as Snakemake's."""

    def __init__(self, named: dict[str, str]) -> None:
        super().__init__(**named)

    def __getitem__(self, name: str | int) -> str:
        return str([*self][name] if isinstance(name, int) else getattr(self, name))

    def __iter__(self) -> Any:
        return iter(vars(self).values())


def flat() -> Any:
    """A user's own network."""
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(64, CLASSES))


FLOW = ("dataset", "foreground", "train", "select", "attack", "evaluate", "cells", "table")


def made(folder: Path) -> Stages:
    """All stages run in ``folder``, which becomes the working directory."""
    os.chdir(folder)
    stages = Stages(folder)
    stages.begin()
    for rule in FLOW:
        stages.run(rule)
    return stages
