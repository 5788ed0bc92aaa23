"""A network, an attack and a defense of the user's own, a dataset of the user's own, and exports."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

OWN_CODE = """
import torch
from torchvision.models import mobilenet_v3_small

class Grey(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.net = mobilenet_v3_small(num_classes=classes)
    def forward(self, x):
        return self.net(x.expand(-1, 3, -1, -1))

def negative(model, x, labels, epsilon):
    return (x - epsilon).clamp(0, 1)

def loud(model, x, labels, epsilon):
    return x + 2

def quantise(x, levels):
    return (x * (levels - 1)).round() / (levels - 1)

def jitter(x):
    return (x + 0.2 * torch.randn_like(x)).clamp(0, 1)

number = 3
"""


@pytest.fixture
def own(finished: "Tree") -> "Tree":
    """The finished tiny configuration with a module and a checkpoint of the user's."""
    (finished / "mine.py").write_text(OWN_CODE)
    finished.environment["PYTHONPATH"] = f"{finished.root / 'src'}:{finished.root}"
    namespace: dict[str, Any] = {}
    exec(OWN_CODE, namespace)
    torch.manual_seed(0)
    torch.save(namespace["Grey"](10).state_dict(), finished / "mine.pt")
    return finished


def network(content: Any, **change: Any) -> None:
    body = {"factory": "mine:Grey", "arguments": {"classes": 10}, "checkpoint": "mine.pt", **change}
    content["networks"] = {"own-grey": body}
    content["tables"]["table3"]["rows"].append({"row": "mine", "model": "own-grey"})


def attack(content: Any, method: str, **arguments: Any) -> None:
    budget = {"epsilon": "16/255"} | ({"arguments": arguments} if arguments else {})
    content["attacks"]["mine"] = {"method": method, "selection": "transfer", "budgets": [budget]}
    content["suites"]["mine"] = {"attacks": ["mine"], "sources": ["resnet18-standard-s0"]}
    column = {"column": "mine", "metric": "defense_rate", "suite": "mine", "source": "resnet18-standard-s0"}
    content["tables"]["table3"]["columns"].append(column)


def cells(tree: "Tree") -> pd.DataFrame:
    return pd.read_csv(tree / "tables/table3.cells.csv", keep_default_na=False)


def test_a_foreign_network_is_a_row_by_one_entry(own: "Tree") -> None:
    own.configure("config/papers/defective.yaml", network)
    assert own.planned() == {
        "adopt": 1,
        "evaluate": 1,
        "cells": 1,
        "table": 1,
        "figure": 1,
        "publish_table": 1,
        "publish_figure": 1,
    }
    own.run()
    mine = cells(own).query("row == 'mine'")
    assert set(mine["variant"]) == {"own"}
    assert set(mine["target"]) == {"own-grey"}
    assert (mine.query("metric == 'test_accuracy'")["n"].astype(int) == 200).all()
    assert own.planned() == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"factory": "mine:number"}, ["mine:number", "of type int"]),
        ({"arguments": {"classes": 7}}, ["mine:Grey", "(2, 7)", "(2, 10)"]),
        ({"checkpoint": "mine.py"}, ["mine.py", "checkpoint"]),
    ],
)
def test_a_foreign_network_that_does_not_fit_is_one_sentence(
    own: "Tree", change: dict[str, Any], words: list[str]
) -> None:
    if "arguments" in change:
        namespace: dict[str, Any] = {}
        exec(OWN_CODE, namespace)
        torch.save(namespace["Grey"](7).state_dict(), own / "mine.pt")
    own.configure("config/papers/defective.yaml", lambda content: network(content, **change))
    said = own.refused("results/demo/fashion-mnist-subset/train/own-grey.safetensors")
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert all(word in line for word in words), line


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("mine:Gray", "mine.py has no 'Gray'; closest: Grey"),
        ("mein:Grey", "there is no module 'mein'; closest: mine"),
        ("broken:Grey", "broken.py, line 1, cannot be read as Python"),
        ("loud:Grey", "loud.py has no 'Grey'"),
    ],
)
def test_code_that_is_not_there_stops_the_plan(own: "Tree", reference: str, words: str) -> None:
    (own / "broken.py").write_text("def (")
    (own / "loud.py").write_text("open('imported', 'w')")
    own.configure("config/papers/defective.yaml", lambda content: network(content, factory=reference))
    said = own.refused("tables/table3.csv")
    place = "config/papers/defective.yaml, key networks.own-grey.factory"
    assert f"{place}: '{reference}' cannot be imported: {words}" in said
    assert not (own / "imported").exists()


@pytest.mark.parametrize(
    ("method", "arguments", "code"),
    [
        ("mine:negative", {}, "own_negative_e16"),
        ("foolbox.attacks:LinfDeepFoolAttack", {"steps": 3}, "own_linfdeepfoolattack_e16_steps3"),
    ],
)
def test_an_attack_of_ones_own_is_a_column_by_one_entry(
    own: "Tree", method: str, arguments: dict[str, Any], code: str
) -> None:
    own.configure("config/papers/defective.yaml", lambda content: attack(content, method, **arguments))
    assert {"train_resnet18", "select"}.isdisjoint(own.planned())
    own.run()
    mine = cells(own).query("column == 'mine'")
    assert set(mine["attack"]) == {code}
    assert len(mine) == 4


def test_an_attack_that_leaves_the_pixel_range_is_one_sentence(own: "Tree") -> None:
    own.configure("config/papers/defective.yaml", lambda content: attack(content, "mine:loud"))
    assert "error: mine:loud gave pixels in" in own.refused()


def test_a_defense_of_ones_own_is_a_row_by_one_entry(own: "Tree") -> None:
    def change(content: Any) -> None:
        content["defenses"] = {"coarse": {"function": "mine:quantise", "arguments": {"levels": 2}}}
        row = {"row": "coarse", "model": "resnet18-standard-s1", "defense": "coarse"}
        content["tables"]["table3"]["rows"].append(row)

    own.configure("config/papers/defective.yaml", change)
    assert own.planned()["evaluate"] == 1
    own.run()
    both = (
        cells(own).query("target == 'resnet18' and metric == 'test_accuracy'").set_index("row")["value"].astype(float)
    )
    assert set(cells(own).query("row == 'coarse'")["variant"]) == {"standard+coarse"}
    assert both["coarse"] != both["ResNet-18"]


def test_a_defense_that_draws_is_attacked_through_its_draws_and_asked_again(own: "Tree") -> None:
    def change(content: Any) -> None:
        content["defenses"] = {"jitter": {"function": "mine:jitter", "draws": 3}}
        content["attacks"]["through"] = {**content["attacks"]["pgd16"], "selection": "transfer"}
        content["suites"]["through"] = {"attacks": ["through"], "sources": ["self", "defended"]}
        shared = {"metric": "adversarial_accuracy", "suite": "through"}
        table = content["tables"]["table3"]
        table["columns"] = [{"column": source, "source": source, **shared} for source in ("self", "defended")]
        table["rows"] = [{"row": "jittered", "model": "resnet18-standard-s1", "defense": "jitter"}]

    own.configure("config/papers/defective.yaml", change)
    assert {name: own.planned("tables/table3.csv")[name] for name in ("attack", "evaluate")} == {
        "attack": 2,
        "evaluate": 1,
    }
    own.run("tables/table3.csv")
    found = cells(own).set_index("column")
    assert list(found["source"]) == ["self", "defended"]
    assert set(found["answers"].astype(int)) == {3}
    assert (found["variance_answers"].astype(float) >= 0).all()
    assert set(found["flags"]) == {"a defense that answers at random"}
    text = (own / "tables/table3.md").read_text()
    assert "docs/flags.md" in text
    assert "Brought by the user: defense mine:jitter." in text
    assert own.planned("tables/table3.csv") == {}


def test_a_dataset_of_ones_own_by_configuration_only(small: "Tree") -> None:
    draw = np.random.default_rng(0)
    for split, count in (("train", 40), ("test", 30)):
        for label, name in enumerate(("dark", "light")):
            (small / f"pictures/{split}/{name}").mkdir(parents=True)
            for i in range(count):
                pixels = draw.integers(0, 60, (8, 8, 3)) + 190 * label
                Image.fromarray(pixels.astype(np.uint8)).save(small / f"pictures/{split}/{name}/{i:02d}.png")

    def datasets(content: Any) -> None:
        source = {"kind": "folder", "path": "pictures", "train": "train", "test": "test", "resize": "exact"}
        entry = {"title": "mine", "source": source, "image": [3, 8, 8], "classes": ["dark", "light"]}
        content["mine"] = entry | {"train": 80, "test": 60, "normalisation": {"kind": "channel"}}

    def scale(content: Any) -> None:
        content["datasets"]["cifar10"] = "mine"
        content["recipes"]["mine"] = content["recipes"]["fashion-mnist-subset"]

    small.configure("config/datasets.yaml", datasets)
    small.configure("config/scales/demo.yaml", scale)
    small.run()
    assert set(cells(small)["dataset"]) == {"mine"}
    assert small.files("results/demo/mine")


def test_adversarial_sets_export_without_loss(finished: "Tree") -> None:
    below = "results/demo/fashion-mnist-subset/export/pgd16/resnet18-standard-s0"
    finished.run(f"{below}.npz")
    with np.load(finished / f"{below}.npz", allow_pickle=False) as arrays:
        images, ids, labels = (arrays[name] for name in ("pgd_e16_a1_t20.images", "image", "label"))
    assert images.dtype == np.uint8
    for pixels, image, label in zip(images, ids, labels, strict=True):
        picture = np.asarray(Image.open(Path(finished / below) / f"pgd_e16_a1_t20/{image:05d}_{label}.png"))
        assert np.array_equal(picture, pixels[0])
