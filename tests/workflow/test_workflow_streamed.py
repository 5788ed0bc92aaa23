"""A folder whose training images are decoded as they are used, from its entry to a selection of test images."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from photographed import CLASSES, entry, photographs

from lacuna.files.contents import read_dataset, read_index, read_selection

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

BELOW = "results/demo/shots"
SELECTED, CHECKPOINT = f"{BELOW}/select/transfer.csv", f"{BELOW}/train/resnet18-standard-s0.safetensors"
AUGMENTATION = {"crop": 0.3, "flip": True, "lighting": 0.1}


@pytest.fixture
def shots(small: "Tree") -> "Tree":
    """The tiny configuration on a folder of photographs."""
    photographs(small / "shots", 20)
    small.configure("config/datasets.yaml", lambda content: content.update(shots=dataset()))
    small.configure("config/scales/demo.yaml", scale)
    return small


def dataset() -> dict[str, Any]:
    return {"title": "Shots", **entry(Path("shots"), 20), "image": [3, 32, 32]}


def scale(content: Any) -> None:
    content["datasets"]["cifar10"] = "shots"
    content["recipes"]["shots"] = content["recipes"]["fashion-mnist-subset"] | {"augmentation": AUGMENTATION}
    content["images"]["transfer"] = 4


def test_networks_are_trained_on_photographs_and_test_images_selected(shots: "Tree") -> None:
    said = shots.run(SELECTED)
    assert "threads: 2" in said, "one trains, one reads"
    assert shots.planned(SELECTED) == {}
    index = read_index(str(shots / f"{BELOW}/dataset/train.safetensors"), {"classes": len(CLASSES)})
    data = read_dataset(str(shots / f"{BELOW}/dataset/test.safetensors"))
    assert index["lengths"].sum() == sum(path.stat().st_size for path in (shots / "shots/train").rglob("*.JPEG"))
    assert data["images"].shape == (40, 3, 32, 32)
    assert len(read_selection(str(shots / SELECTED), data)) == 4
    record = json.loads((shots / f"{CHECKPOINT}.prov.json").read_text())["stable"]
    assert f"{BELOW}/dataset/train.safetensors" in record["inputs"]
    assert record["settings"]["stream"] == {"path": "shots", "resize": "crop"}

    first = (shots / CHECKPOINT).read_bytes()
    (shots / CHECKPOINT).unlink()
    status, said = shots.call("--cores", "1", CHECKPOINT)
    assert status == 0, said
    assert (shots / CHECKPOINT).read_bytes() == first, "without a reader the bytes are the same"

    changed = shots / "shots/train/bee/007.JPEG"
    changed.write_bytes(changed.read_bytes() + b"\0")
    (shots / CHECKPOINT).unlink()
    assert "shots/train/bee/007.JPEG is not the file that was read when the dataset was made" in shots.refused(
        CHECKPOINT
    )
