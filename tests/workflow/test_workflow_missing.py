"""A folder that the user has not brought: a dry run plans, a real run stops before its first job, others go on."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from lacuna.files.artefacts import map_tensors

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

SPLITS = {"train": 40, "test": 60}


@pytest.fixture
def brought(small: "Tree") -> "Tree":
    """The tiny configuration with a folder of the user's in the role of CIFAR-10; the folder is not there."""

    def datasets(content: Any) -> None:
        source = {"kind": "folder", "path": "data/mine", "train": "train", "test": "test", "resize": "exact"}
        counts = {split: 2 * count for split, count in SPLITS.items()}
        content["mine"] = content["fashion-mnist-subset"] | {"source": source, "classes": ["a", "b"], **counts}

    def scale(content: Any) -> None:
        content["datasets"]["cifar10"] = "mine"
        content["recipes"]["mine"] = content["recipes"]["fashion-mnist-subset"]

    small.configure("config/datasets.yaml", datasets)
    small.configure("config/scales/demo.yaml", scale)
    return small


def bring(tree: "Tree") -> None:
    """Two classes that any network tells apart: bright above, bright below."""
    draws = np.random.default_rng(0)
    for split, count in SPLITS.items():
        for name, half in (("a", slice(0, 14)), ("b", slice(14, 28))):
            folder = tree / f"data/mine/{split}/{name}"
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = draws.integers(0, 60, (28, 28)).astype(np.uint8)
                pixels[half] += 150
                Image.fromarray(pixels).save(folder / f"{i:03}.png")


def stopped(tree: "Tree", *targets: str) -> str:
    """The sentence with which a run stops before its first job."""
    said = tree.refused(*targets)
    assert "Select jobs to execute" not in said
    assert tree.files("results") == []
    [sentence] = [line for line in said.splitlines() if "yours to bring" in line]
    return sentence


def test_a_dry_run_plans_and_a_run_stops_before_its_first_job(brought: "Tree") -> None:
    assert brought.planned("tables/table3.csv")["dataset"] == 1
    sentence = "table3: dataset mine: data/mine/train is not there, and is yours to bring; see docs/datasets.md"
    assert stopped(brought, "tables/table3.csv") == sentence


def test_only_what_is_asked_for_stops_a_run(brought: "Tree") -> None:
    brought.run("results/demo/fashion-mnist-subset/dataset/train.safetensors")


def test_a_folder_that_was_read_may_be_taken_away(brought: "Tree") -> None:
    bring(brought)
    target = "results/demo/mine/dataset/test.safetensors"
    brought.run(target)
    (brought / "data/mine").rename(brought / "data/gone")
    brought.run("results/demo/mine/train/vgg19-standard-s0.safetensors")
    assert Path(brought / "results/demo/mine/train/vgg19-standard-s0.safetensors").exists()
    (brought / target).unlink()
    assert "data/mine/train is not there" in brought.refused(target)


def contents(tree: "Tree") -> dict[str, bytes]:
    """All that was made of the folder, by path; nothing of it may wait under another name."""
    files = {str(path): (tree / str(path)).read_bytes() for path in tree.files("results/demo")}
    assert not [name for name in files if name.endswith(".before")]
    return {name: content for name, content in files.items() if name.endswith(".safetensors")}


def test_a_count_that_does_not_fit_stops_a_run_before_anything_is_removed(brought: "Tree") -> None:
    bring(brought)
    target = "results/demo/mine/dataset/test.safetensors"
    brought.run(target)
    before = contents(brought)
    brought.replace("config/datasets.yaml", "test: 120", "test: 121")
    said = brought.refused(target)
    assert "config/datasets.yaml, key mine.test: there are 120 images; stated: 121" in said
    assert "Select jobs to execute" not in said
    assert contents(brought) == before
    brought.replace("config/datasets.yaml", "test: 121", "test: first 50")
    brought.run(target)
    assert len(contents(brought)[target]) < len(before[target])


def test_a_run_that_fails_gives_back_what_it_did_not_replace(brought: "Tree") -> None:
    bring(brought)
    target, image = "results/demo/mine/dataset/test.safetensors", brought / "data/mine/test/b/007.png"
    brought.run(target)
    before, whole = contents(brought), image.read_bytes()
    image.write_bytes(whole[:60])
    assert "007.png cannot be read as an image" in brought.refused("--forcerun", "dataset", "--", target)
    assert contents(brought) == before
    assert brought.planned(target) == {}, "with what Snakemake knew of it"
    brought.replace("config/datasets.yaml", "test: 120", "test: first 119")
    assert "007.png cannot be read as an image" in brought.refused(target)
    assert contents(brought) == before
    assert brought.planned(target) == {"dataset": 1}, "which is not taken for what it should be"
    image.write_bytes(whole)
    brought.run(target)
    assert contents(brought).keys() == before.keys()
    assert contents(brought)[target] != before[target]


def test_counterparts_are_found_by_name_in_a_run(brought: "Tree") -> None:
    bring(brought)

    def paper(content: Any) -> None:
        budget = {"name": "twins", "path": "data/twins", "resize": "exact"}
        content["attacks"]["twins"] = {"method": "folder", "selection": "all", "budgets": [budget]}
        content["selections"]["all"] = {"rule": "all"}
        content["suites"]["twins"] = {"attacks": ["twins"], "sources": ["none"]}
        column = {"column": "twins", "metric": "adversarial_accuracy", "suite": "twins", "source": "none"}
        content["tables"]["table3"]["columns"].append(column)

    brought.configure("config/papers/defective.yaml", paper)
    brought.configure("config/scales/demo.yaml", lambda content: content["images"].update(all=120))
    target = "results/demo/mine/attack/twins/none.safetensors"
    (brought / "data/mine").rename(brought / "data/away")
    assert "data/mine/train is not there" in stopped(brought, target)
    (brought / "data/away").rename(brought / "data/mine")
    assert "data/twins is not there" in stopped(brought, target)
    for path in sorted((brought / "data/mine/test").rglob("*.png")):
        twin = brought / "data/twins" / path.parent.name / f"{path.stem}.bmp"
        twin.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - np.asarray(Image.open(path))).save(twin)
    brought.run(target)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(brought.root)
        made = map_tensors(target)
        clean = map_tensors("results/demo/mine/dataset/test.safetensors")["images"][made["image"]]
    assert len(made["image"]) == 120
    assert (made["twins.images"] == 255 - clean).all()
